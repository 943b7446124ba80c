(* The problem: slices, their contribution phi and price theta, the objective of a sequence of
   slices of any length, and the meaning of "positively homogeneous of the same degree". *)

From HB Require Import structures.
From mathcomp Require Import all_ssreflect ssralg ssrnum matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Z |-> <W, Z> is linear *)
Section Inner.
Variables (R : realFieldType) (m n : nat) (W : 'M[R]_(m, n)).

Definition inner_with (Z : 'M[R]_(m, n)) : R^o := dot W Z.

Fact inner_with_linear : linear inner_with.
Proof. by move=> a Y Z; rewrite /inner_with dotDr dotZr. Qed.

HB.instance Definition _ := GRing.isLinear.Build R 'M[R]_(m, n) R^o _ inner_with inner_with_linear.

End Inner.

Section Objective.
Variables (R : realFieldType) (V : lmodType R) (S Q : Type).
Variables (phi : S -> V) (theta : S -> R) (l : V -> Q -> R) (H : Q -> R) (lam : R).

Definition fit (xs : seq S) : V := \sum_(x <- xs) phi x.

Definition price (xs : seq S) : R := \sum_(x <- xs) theta x.

(* f_r(X, Q) = l(sum phi(X_i), Q) + lam sum theta(X_i) + H(Q), of every size r *)
Definition objective (xs : seq S) (q : Q) : R := l (fit xs) q + lam * price xs + H q.

Lemma fit_cat xs ys : fit (xs ++ ys) = fit xs + fit ys.
Proof. exact: big_cat. Qed.

Lemma price_cat xs ys : price (xs ++ ys) = price xs + price ys.
Proof. exact: big_cat. Qed.

Lemma price_ge0 xs : (forall x, 0 <= theta x) -> 0 <= price xs.
Proof. by move=> h; apply: sumr_ge0. Qed.

(* a family of r slices is the sequence of them *)
Lemma fit_family r (x : 'I_r -> S) : fit (codom x) = \sum_i phi (x i).
Proof. by rewrite /fit big_map big_enum. Qed.

Lemma price_family r (x : 'I_r -> S) : price (codom x) = \sum_i theta (x i).
Proof. by rewrite /price big_map big_enum. Qed.

(* one slice replaced *)
Definition replace r (x : 'I_r -> S) i z j := if j == i then z else x j.

Lemma sum_replace (M : zmodType) (g : S -> M) r (x : 'I_r -> S) i z :
  \sum_j g (replace x i z j) = \sum_j g (x j) + (g z - g (x i)).
Proof.
rewrite (bigD1 i) //= [in RHS](bigD1 i) //= /replace eqxx.
rewrite (eq_bigr (fun j => g (x j))); last by move=> j /negPf ->.
by rewrite addrAC addrCA subrr addr0.
Qed.

End Objective.

(* a |-> a^p, p > 0, by what is used of it; see Power.v: all natural p, all real p *)
Record degree (R : realFieldType) (pw : R -> R) : Prop := Degree {
  pw0 : pw 0 = 0;
  pw1 : pw 1 = 1;
  pw_lt : forall a b, 0 <= a -> a < b -> pw a < pw b;
  pw_onto : forall t, 0 <= t -> exists2 a, 0 <= a & pw a = t }.

(* Slices: a cone, that is a space with a scaling by a >= 0 that is Lipschitz in a, a distance and
   one zero.  A subset of tuples of arrays closed under scaling is one. *)
Record cone (R : realFieldType) (S : Type) := Cone {
  act : R -> S -> S;
  zero : S;
  dist : S -> S -> R;
  len : S -> R;
  act1 : forall x, act 1 x = x;
  act0 : forall x, act 0 x = zero;
  len_ge0 : forall x, 0 <= len x;
  dist_act : forall a b x, 0 <= a -> 0 <= b -> dist (act a x) (act b x) <= `|a - b| * len x }.

(* phi(a x) = a^p phi(x), theta(a x) = a^p theta(x), a >= 0, theta >= 0 *)
Record homogeneous (R : realFieldType) (V : lmodType R) (S : Type) (K : cone R S) (pw : R -> R)
  (phi : S -> V) (theta : S -> R) : Prop := Homogeneous {
  hom_degree : degree pw;
  hom_phi : forall a x, 0 <= a -> phi (act K a x) = pw a *: phi x;
  hom_theta : forall a x, 0 <= a -> theta (act K a x) = pw a * theta x;
  hom_ge0 : forall x, 0 <= theta x }.

Lemma scalarE (R : realFieldType) (V : lmodType R) (w : {scalar V}) a x : w (a *: x) = a * w x.
Proof. exact: linearZ. Qed.

Section Homogeneous.
Variables (R : realFieldType) (V : lmodType R) (S : Type) (K : cone R S) (pw : R -> R).
Variables (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).

(* t^(1/p) x: scales phi and theta by t *)
Lemma scale_slice t x : 0 <= t ->
  exists a, [/\ 0 <= a, pw a = t, phi (act K a x) = t *: phi x & theta (act K a x) = t * theta x].
Proof.
move=> t0; have [a a0 e] := pw_onto (hom_degree hom) t0.
by exists a; rewrite (hom_phi hom) ?(hom_theta hom) ?e.
Qed.

Lemma phi_zero : phi (zero K) = 0.
Proof. by rewrite -(act0 K (zero K)) (hom_phi hom) // (pw0 (hom_degree hom)) scale0r. Qed.

Lemma theta_zero : theta (zero K) = 0.
Proof. by rewrite -(act0 K (zero K)) (hom_theta hom) // (pw0 (hom_degree hom)) mul0r. Qed.

(* The polar over the unit ball of theta is the polar without division: where theta(x) = 0,
   multiples of x show <W, phi(x)> <= 0. *)
Theorem polar_ball (w : {scalar V}) P :
  (forall x, theta x <= 1 -> w (phi x) <= P) <-> 0 <= P /\ polar_le w phi theta P.
Proof.
split=> [h | [P0 h] x hx]; last by have := h x; have := hom_ge0 hom x; nra.
have P0 : 0 <= P.
  by have := h (zero K); rewrite phi_zero theta_zero linear0; apply; exact: ler01.
split=> // x; have [pos|] := ltP 0 (theta x).
  have inv0 : 0 <= (theta x)^-1 by rewrite invr_ge0 ltW.
  have [a [_ _ ephi eth]] := scale_slice x inv0.
  have := h (act K a x); rewrite ephi eth scalarE mulVf ?gt_eqF // => /(_ (lexx _)).
  by rewrite mulrC ler_pdivrMr.
move=> neg; have e : theta x = 0 by apply/eqP; rewrite eq_le neg (hom_ge0 hom).
rewrite e mulr0 leNgt; apply/negP => pos.
have big : 0 <= (P + 1) / w (phi x) by rewrite divr_ge0 ?addr_ge0 // ltW.
have [a [_ _ ephi eth]] := scale_slice x big.
have := h (act K a x); rewrite ephi eth e mulr0 scalarE => /(_ ler01).
by rewrite divfK ?gt_eqF //; lra.
Qed.

End Homogeneous.
