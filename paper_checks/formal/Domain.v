(* Losses that are infinite outside a domain (Kullback-Leibler).  l is real-valued here, so such a
   loss is a number on its domain and means nothing elsewhere: d(W) has to be below it on the domain
   alone, and factors whose fit is outside cost infinitely much and bound nothing. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import reals exp.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality Norms Lines Offsets Losses Whole.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section General.
Variables (R : realFieldType) (V : lmodType R) (S Q : Type).
Variables (phi : S -> V) (theta : S -> R) (l : V -> Q -> R) (H : Q -> R) (lam : R).
Variable dom : V -> Q -> Prop.
Hypothesis theta_ge0 : forall x, 0 <= theta x.

Local Notation f := (objective phi theta l H lam).

Theorem weak_duality_domain (w : {scalar V}) s d P : 0 <= s -> s * P <= lam ->
  (forall Z q, dom Z q -> d <= l Z q + H q + s * w Z) -> polar_le w phi theta P ->
  forall xs q, dom (fit phi xs) q -> d <= f xs q.
Proof.
move=> s0 hs hd hw xs q inside; have h := hd _ _ inside.
by have := polar_fit xs hw; have := price_ge0 xs theta_ge0; rewrite /objective; nra.
Qed.

Theorem trivial_bound_domain d : 0 <= lam -> (forall Z q, dom Z q -> d <= l Z q + H q) ->
  forall xs q, dom (fit phi xs) q -> d <= f xs q.
Proof.
move=> lam0 hd xs q inside; have := hd _ _ inside; have := price_ge0 xs theta_ge0.
by rewrite /objective; nra.
Qed.

End General.

Section Entries.
Variables (R : realFieldType) (m n : nat) (seen : 'I_m -> 'I_n -> bool) (c Y : 'M[R]_(m, n)).

Theorem loss_dual_domain (h : R -> R -> R) (D : R -> R -> Prop) (W d Z : 'M[R]_(m, n)) :
  (forall i j, ~~ seen i j -> W i j = 0) ->
  (forall i j, seen i j -> forall z, D z (Y i j) -> d i j <= c i j * h z (Y i j) + W i j * z) ->
  (forall i j, seen i j -> D (Z i j) (Y i j)) ->
  \sum_i \sum_j (if seen i j then d i j else 0) <= loss seen c Y h Z + dot W Z.
Proof.
move=> W0 hd inside; rewrite /loss /dot -big_split; apply: ler_sum => i _ /=.
rewrite -big_split; apply: ler_sum => j _ /=.
by case: (boolP (seen i j)) => [s|/W0 ->]; [exact: hd (inside _ _ s) | rewrite mul0r addr0].
Qed.

End Entries.

(* z >= 0, and z > 0 where y > 0 *)
Definition counts (R : realType) (z y : R) : Prop := 0 <= z /\ (0 < y -> 0 < z).

(* the dual value of Kullback-Leibler over a matrix, as `loss_dual` sums it *)
Theorem kullback_leibler_matrix (R : realType) m n (seen : 'I_m -> 'I_n -> bool)
  (c Y W Z : 'M[R]_(m, n)) :
  (forall i j, seen i j -> 0 < c i j /\ 0 <= Y i j) -> (forall i j, ~~ seen i j -> W i j = 0) ->
  (forall i j, seen i j -> - c i j <= W i j /\ (0 < Y i j -> - c i j < W i j)) ->
  (forall i j, seen i j -> counts (Z i j) (Y i j)) ->
  \sum_i \sum_j (if seen i j then c i j * Y i j * ln ((c i j + W i j) / c i j) else 0)
    <= loss seen c Y (@kullback_leibler R) Z + dot W Z.
Proof.
move=> data W0 hW inside.
have := @loss_dual_domain R m n seen c Y (@kullback_leibler R) (@counts R) W
  (\matrix_(i, j) (c i j * Y i j * ln ((c i j + W i j) / c i j))) Z W0.
rewrite (eq_bigr (fun i => \sum_j (if seen i j then c i j * Y i j * ln ((c i j + W i j) / c i j) else 0))).
  apply=> // i j s z [z0 zpos]; rewrite mxE; have [c0 y0] := data i j s; have [w1 w2] := hW i j s.
  exact: kullback_leibler_dual.
by move=> i _; apply: eq_bigr => j _; rewrite mxE.
Qed.

Section Pairs.
Variables (R : rcfType) (m n : nat) (Q : Type).
Variables (l : 'M[R]_(m, n) -> R) (A : Q -> 'M[R]_(m, n)) (H : Q -> R) (neg : Q -> Q).
Variables (Na : 'cV[R]_m -> R) (ca : 'I_m -> sign) (Nb : 'cV[R]_n -> R) (cb : 'I_n -> sign).
Variable dom : 'M[R]_(m, n) -> Prop.
Hypotheses (even : forall q, H (neg q) = H q) (odd : forall q, A (neg q) = - A q).
Hypotheses (Na0 : forall u, 0 <= Na u) (Nb0 : forall v, 0 <= Nb v).

Local Notation price_of := (fun x : @slice R m n ca cb => Na (sval x).1 * Nb (sval x).2).

(* `weak_duality_pairs` where the loss has a domain: for factors and offsets that stay in it *)
Theorem weak_duality_pairs_domain (W0 C : 'M[R]_(m, n)) P e wide s lam d cost :
  pair_le Na ca Nb cb W0 P -> l2 C <= e -> 0 <= wide ->
  (forall u v, in_cone ca u -> in_cone cb v -> l2 (u *m v^T) <= wide * (Na u * Nb v)) ->
  0 <= s -> s * (P + e * wide) <= lam ->
  (forall Z, dom Z -> d <= l Z + dot (s *: (W0 + C)) Z) ->
  (forall q, - cost / 2 <= dot (s *: (W0 + C)) (A q) + H q) ->
  forall (xs : seq (@slice R m n ca cb)) q, dom (fit (@outer R m n ca cb) xs + A q) ->
    d - cost / 2
    <= l (fit (@outer R m n ca cb) xs + A q) + lam * price price_of xs + H q.
Proof.
move=> hP hC w0 hw s0 hs hd hc xs q inside.
have theta0 (x : @slice R m n ca cb) : 0 <= price_of x by rewrite mulr_ge0.
have hpol : polar_le (inner_with (W0 + C)) (@outer R m n ca cb) price_of
    (P + e * wide).
  apply: (stray_polar w0 hC theta0) => [x|]; last exact: pair_polar hP.
  by case: x => [[u v] /= [cu cv]]; apply: hw.
apply: (weak_duality_domain (l := fun Z q => l (Z + A q)) (dom := fun Z q => dom (Z + A q))
  theta0 s0 hs _ hpol inside) => Z q' inside'.
have h1 := hd _ inside'; have h2 := hc (neg q'); rewrite even odd dotNr !dotZl in h2.
rewrite dotZl dotDr in h1; rewrite -[GRing.Linear.sort _ _]/(dot (W0 + C) Z).
by move: h1 h2; set a := dot (W0 + C) Z; set b := dot (W0 + C) (A q'); lra.
Qed.

(* `floor` there: the candidate's own value over the offsets that keep its fit inside *)
Theorem floor_bound_domain (W Z : 'M[R]_(m, n)) d cost T :
  (forall Z', dom Z' -> d <= l Z' + dot W Z') -> (forall q, - cost / 2 <= dot W (A q) + H q) ->
  forall q, dom (Z + A q) -> d - cost / 2 - dot W Z + T <= l (Z + A q) + T + H q.
Proof.
move=> hd hc q inside; have h1 := hd _ inside; have h2 := hc (neg q).
by rewrite even odd dotNr in h2; rewrite dotDr in h1; lra.
Qed.

End Pairs.
