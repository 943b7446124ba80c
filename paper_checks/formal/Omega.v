(* Omega(Z) = inf { sum theta(x) : sum phi(x) = Z }, an extended real: +oo where Z has no
   decomposition.  Properties, polar, conjugate, subgradient, and F(Z, Q). *)

From mathcomp Require Import all_ssreflect ssralg ssrnum matrix.
From mathcomp Require Import boolp classical_sets reals constructive_ereal ereal.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope classical_set_scope.
Local Open Scope ring_scope.
Local Open Scope ereal_scope.

Section Omega.
Variables (R : realType) (V : lmodType R) (S : Type) (K : cone R S) (pw : R -> R).
Variables (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Implicit Types (Y Z : V) (xs ys : seq S) (w : {scalar V}).

Local Notation fit := (fit phi).
Local Notation price := (price theta).

Definition Omega Z : \bar R := ereal_inf [set (price xs)%:E | xs in [set xs | fit xs = Z]].

Lemma Omega_le xs : Omega (fit xs) <= (price xs)%:E.
Proof. by apply: ereal_inf_lbound; exists xs. Qed.

Lemma Omega_lower Z c : (forall xs, fit xs = Z -> c <= (price xs)%:E) -> c <= Omega Z.
Proof. by move=> h; apply: lb_ereal_inf => _ [xs e <-]; apply: h. Qed.

Theorem Omega_ge0 Z : 0 <= Omega Z.
Proof. by apply: Omega_lower => xs _; rewrite lee_fin (price_ge0 _ (hom_ge0 hom)). Qed.

Lemma Omega_phi x : Omega (phi x) <= (theta x)%:E.
Proof. by have := Omega_le [:: x]; rewrite /Frame.fit /Frame.price !big_seq1. Qed.

Theorem Omega_zero : Omega 0%R = 0.
Proof.
apply/eqP; rewrite eq_le Omega_ge0 andbT.
by have := Omega_le [::]; rewrite /Frame.fit /Frame.price !big_nil.
Qed.

(* all slices of a sequence scaled *)
Lemma scale_all xs (t : R) : (0 <= t)%R ->
  exists2 ys, fit ys = (t *: fit xs)%R & price ys = (t * price xs)%R.
Proof.
move=> t0; elim: xs => [|x xs [ys eys pys]].
  by exists [::]; rewrite /Frame.fit /Frame.price !big_nil ?scaler0 ?mulr0.
have [a [_ _ ephi eth]] := scale_slice hom x t0; exists (act K a x :: ys).
  by rewrite /Frame.fit !big_cons ephi scalerDr -/(fit ys) eys.
by rewrite /Frame.price !big_cons eth mulrDr -/(price ys) pys.
Qed.

Theorem Omega_subadditive Y Z : Omega (Y + Z)%R <= Omega Y + Omega Z.
Proof.
have both ys zs : fit ys = Y -> fit zs = Z -> Omega (Y + Z)%R <= (price ys)%:E + (price zs)%:E.
  by move=> <- <-; rewrite -fit_cat -EFinD -price_cat Omega_le.
have half ys : fit ys = Y -> Omega (Y + Z)%R <= (price ys)%:E + Omega Z.
  move=> ey; rewrite -leeBlDl //; apply: Omega_lower => zs ez.
  by rewrite leeBlDl // both.
have := Omega_ge0 Z; move: half; case: (Omega Z) => [z | | //] half _; last first.
  by rewrite addey ?leey //; have := Omega_ge0 Y; case: (Omega Y).
rewrite -leeBlDr //; apply: Omega_lower => ys ey.
by rewrite leeBlDr // half.
Qed.

(* of degree one, whatever the degree of phi and theta *)
Theorem Omega_homogeneous (t : R) Z : (0 < t)%R -> Omega (t *: Z)%R = t%:E * Omega Z.
Proof.
have le (s : R) Y : (0 < s)%R -> Omega (s *: Y)%R <= s%:E * Omega Y.
  move=> s0; rewrite -lee_pdivrMl //; apply: Omega_lower => xs <-.
  have [ys eys pys] := scale_all xs (ltW s0).
  by rewrite lee_pdivrMl // -eys -EFinM -pys Omega_le.
move=> t0; apply/eqP; rewrite eq_le le //=.
have inv : (0 < t^-1)%R by rewrite invr_gt0.
have := le t^-1%R (t *: Z)%R inv; rewrite scalerA mulVf ?gt_eqF // scale1r.
by rewrite lee_pdivlMl.
Qed.

Theorem Omega_convex (t : R) Y Z : (0 <= t)%R -> (t <= 1)%R ->
  Omega ((1 - t) *: Y + t *: Z)%R <= (1 - t)%:E * Omega Y + t%:E * Omega Z.
Proof.
move=> t0 t1; apply: le_trans (Omega_subadditive _ _) _.
have le (s : R) X : (0 <= s)%R -> Omega (s *: X)%R <= s%:E * Omega X.
  rewrite le_eqVlt => /orP[/eqP <-|s0]; first by rewrite scale0r Omega_zero mul0e.
  by rewrite Omega_homogeneous.
by apply: leeD; apply: le => //; rewrite subr_ge0.
Qed.

(* with a sign symmetry it is even, hence a seminorm where finite *)
Theorem Omega_even (flip : S -> S) Z : (forall x, phi (flip x) = - phi x)%R ->
  (forall x, theta (flip x) = theta x) -> Omega (- Z)%R = Omega Z.
Proof.
move=> fphi fth; have fit_flip xs : fit [seq flip x | x <- xs] = (- fit xs)%R.
  by rewrite /Frame.fit big_map -sumrN; apply: eq_bigr.
have price_flip xs : price [seq flip x | x <- xs] = price xs.
  by rewrite /Frame.price big_map; apply: eq_bigr.
have le Y : Omega (- Y)%R <= Omega Y.
  by apply: Omega_lower => xs <-; rewrite -fit_flip -price_flip Omega_le.
by apply/eqP; rewrite eq_le le /=; have := le (- Z)%R; rewrite opprK.
Qed.

(* theta >= c |phi| gives Omega >= c |.|: positive away from 0 *)
Theorem Omega_positive (norm : V -> R) (c : R) Z : (norm 0 <= 0)%R ->
  (forall X Y, norm (X + Y) <= norm X + norm Y)%R -> (0 <= c)%R ->
  (forall x, c * norm (phi x) <= theta x)%R -> (c * norm Z)%:E <= Omega Z.
Proof.
move=> n0 nD c0 dom; apply: Omega_lower => xs <-; rewrite lee_fin.
elim: xs => [|x xs ih]; rewrite /Frame.fit /Frame.price ?big_nil ?big_cons; first by nra.
rewrite -/(fit xs) -/(price xs); have := nD (phi x) (fit xs); have := dom x; nra.
Qed.

(* Omega*(W) <= 1 exactly if <W, .> <= Omega: the conjugate of Omega is the indicator of the polar ball *)
Theorem polar_iff w : polar_le w phi theta 1 <-> forall Z, (w Z)%:E <= Omega Z.
Proof.
split=> [h Z | h x].
  by apply: Omega_lower => xs <-; rewrite lee_fin -[X in (_ <= X)%R]mul1r polar_fit.
by rewrite mul1r -lee_fin; apply: le_trans (h _) (Omega_phi x).
Qed.

Theorem polar_le_Omega w (P : R) Z : (0 < P)%R -> polar_le w phi theta P ->
  (w Z)%:E <= P%:E * Omega Z.
Proof.
move=> P0 h; rewrite -lee_pdivrMl //; apply: Omega_lower => xs <-.
by rewrite lee_pdivrMl // lee_fin polar_fit.
Qed.

(* the conjugate: 0 on the polar ball ... *)
Theorem conjugate_inside w : polar_le w phi theta 1 ->
  ereal_sup [set (w Z)%:E - Omega Z | Z in setT] = 0.
Proof.
move=> h; apply/eqP; rewrite eq_le; apply/andP; split; last first.
  by apply: ereal_sup_ubound; exists 0%R => //; rewrite linear0 Omega_zero sube0.
apply: ub_ereal_sup => _ [Z _ <-].
have := (polar_iff w).1 h Z; have := Omega_ge0 Z.
by case: (Omega Z) => // z _; rewrite -EFinB !lee_fin subr_le0.
Qed.

(* ... and +oo outside *)
Theorem conjugate_outside w : ~ polar_le w phi theta 1 ->
  ereal_sup [set (w Z)%:E - Omega Z | Z in setT] = +oo.
Proof.
move=> /existsNP [x]; rewrite mul1r => /negP; rewrite -ltNge => gap.
apply/eqyP => c c0; pose t := (c / (w (phi x) - theta x))%R.
have gap0 : (0 < w (phi x) - theta x)%R by rewrite subr_gt0.
have t0 : (0 < t)%R by rewrite divr_gt0.
have [a [_ _ ephi eth]] := scale_slice hom x (ltW t0).
have : Omega (t *: phi x)%R <= (t * theta x)%:E by rewrite -ephi -eth Omega_phi.
move=> le; apply: le_trans (_ : (w (t *: phi x)%R)%:E - Omega (t *: phi x)%R <= _); last first.
  by apply: ereal_sup_ubound; exists (t *: phi x)%R.
move: le; have := Omega_ge0 (t *: phi x)%R; case: (Omega _) => // o _.
rewrite -EFinB !lee_fin scalarE => le.
have e : (t * (w (phi x) - theta x))%R = c by rewrite divfK // gt_eqF.
by nra.
Qed.

(* the subdifferential at Z: { W : <W, Z> = Omega(Z), Omega*(W) <= 1 } *)
Theorem subgradient w Z : Omega Z \is a fin_num ->
  (forall Y, Omega Z + (w (Y - Z)%R)%:E <= Omega Y)
    <-> (polar_le w phi theta 1 /\ (w Z)%:E = Omega Z).
Proof.
move=> fin; split=> [h | [h e] Y]; last first.
  by rewrite -e -EFinD linearB addrC subrK; apply: (polar_iff w).1.
move: fin h; move eO : (Omega Z) => [o| |] // _ h.
have up : (o <= w Z)%R.
  by have := h 0%R; rewrite sub0r linearN Omega_zero -EFinD lee_fin subr_le0.
have down : (w Z <= o)%R.
  have := h ((1 + 1) *: Z)%R; rewrite Omega_homogeneous ?addr_gt0 // eO -EFinD -EFinM lee_fin.
  by rewrite scalerDl scale1r addrK; lra.
have e : w Z = o by apply/eqP; rewrite eq_le up down.
split; last by rewrite e.
apply/polar_iff => Y; have := h Y.
by rewrite -EFinD linearB e addrC subrK.
Qed.

(* together: the conjugate is the indicator of the polar ball, the subdifferential its face *)
Theorem conjugate_and_subgradient w :
  [/\ polar_le w phi theta 1 -> ereal_sup [set (w Z)%:E - Omega Z | Z in setT] = 0,
      ~ polar_le w phi theta 1 -> ereal_sup [set (w Z)%:E - Omega Z | Z in setT] = +oo
    & forall Z, Omega Z \is a fin_num ->
        ((forall Y, Omega Z + (w (Y - Z)%R)%:E <= Omega Y)
          <-> (polar_le w phi theta 1 /\ (w Z)%:E = Omega Z))].
Proof.
split; [exact: conjugate_inside | exact: conjugate_outside | move=> Z; exact: subgradient].
Qed.

End Omega.

(* F(Z, Q) = l(Z, Q) + lam Omega(Z) + H(Q), the convex problem; of theta only its sign is used *)
Section Convex.
Variables (R : realType) (V : lmodType R) (S : Type) (phi : S -> V) (theta : S -> R).
Variables (Q : Type) (l : V -> Q -> R) (H : Q -> R) (lam : R).
Hypotheses (theta_ge0 : forall x, (0 <= theta x)%R) (lam_gt0 : (0 < lam)%R).
Implicit Types (Z : V) (xs : seq S) (w : {scalar V}).

Local Notation fit := (fit phi).
Local Notation price := (price theta).
Local Notation Omega := (Omega phi theta).

Definition convex_objective Z q : \bar R := (l Z q)%:E + lam%:E * Omega Z + (H q)%:E.

Local Notation f := (objective phi theta l H lam).

Theorem convex_le xs q : convex_objective (fit xs) q <= (f xs q)%:E.
Proof.
rewrite /convex_objective /objective !EFinD; apply: leeD => //; apply: leeD => //.
by rewrite EFinM lee_wpmul2l ?lee_fin ?(ltW lam_gt0) ?Omega_le.
Qed.

(* inf F = inf over all sizes of f: what bounds every f_s bounds F *)
Theorem convex_lower d q : (forall xs, (d <= f xs q)%R) -> forall Z, d%:E <= convex_objective Z q.
Proof.
move=> h Z; have lb : ((d - H q - l Z q) / lam)%:E <= Omega Z.
  apply: Omega_lower => xs e; rewrite lee_fin ler_pdivrMr //.
  by have := h xs; rewrite /objective e; lra.
have pos : 0 <= Omega Z by apply: Omega_lower => xs _; rewrite lee_fin price_ge0.
rewrite /convex_objective; move: lb; move: pos.
case: (Omega Z) => [o | | //] _; last by rewrite gt0_muley ?lte_fin // addey // addye ?leey.
by rewrite -EFinM -!EFinD !lee_fin ler_pdivrMr //; lra.
Qed.

(* a global X of f gives a global Z of F, with the same value *)
Theorem global_convex xs q : (forall ys q', (f xs q <= f ys q')%R) ->
  convex_objective (fit xs) q = (f xs q)%:E
  /\ forall Z q', convex_objective (fit xs) q <= convex_objective Z q'.
Proof.
move=> h; have e : convex_objective (fit xs) q = (f xs q)%:E.
  by apply/eqP; rewrite eq_le convex_le convex_lower.
by split=> // Z q'; rewrite e convex_lower.
Qed.

(* f(X) - F(Z') <= lam Omega(Z') (P / lam - 1) - m D(Z', Z), P a bound of the polar *)
Lemma supported_distance_Omega (D : V -> V -> R) (m : R) r (x : 'I_r -> S) q w (P o : R) Z' q' :
  (forall Z' q', l (fit (codom x)) q + H q - w (Z' - fit (codom x))
     + m * D Z' (fit (codom x)) <= l Z' q' + H q')%R ->
  (forall i, w (phi (x i)) = lam * theta (x i))%R -> polar_le w phi theta P -> (0 < P)%R ->
  Omega Z' = o%:E ->
  (f (codom x) q - (l Z' q' + lam * o + H q')
     <= lam * o * (P / lam - 1) - m * D Z' (fit (codom x)))%R.
Proof.
move=> strong bal hw P0 eO; have := strong Z' q'.
have balanced : w (fit (codom x)) = (lam * price (codom x))%R.
  by rewrite fit_family price_family linear_sum mulr_sumr; apply: eq_bigr.
have := polar_le_Omega Z' P0 hw; rewrite eO -EFinM lee_fin linearB balanced /objective.
have -> : (lam * o * (P / lam - 1) = P * o - lam * o)%R by field; rewrite gt_eqF.
by lra.
Qed.

End Convex.
