(* The bound of `weak_duality` put together: offsets beside the loss, corrections, the scale s, and
   one rule of the polar; `dual_value`, `floor`. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality Norms Lines Offsets Losses.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Offset.
Variables (R : realFieldType) (m n : nat) (Q : Type).
Variables (l : 'M[R]_(m, n) -> R) (A : Q -> 'M[R]_(m, n)) (H : Q -> R) (neg : Q -> Q).

(* every penalty is even and A is odd: <W, A q> + H(q) and H(q) - <W, A q> have one infimum *)
Hypotheses (even : forall q, H (neg q) = H q) (odd : forall q, A (neg q) = - A q).

(* d(W) - cost / 2 <= l(Z + A q) + H(q) + <W, Z> *)
Theorem dual_with_offsets (W : 'M[R]_(m, n)) d cost : (forall Z, d <= l Z + dot W Z) ->
  (forall q, - cost / 2 <= dot W (A q) + H q) ->
  forall Z q, d - cost / 2 <= l (Z + A q) + H q + dot W Z.
Proof.
move=> hd hc Z q; have := hd (Z + A q); have := hc (neg q).
by rewrite even odd dotNr dotDr; lra.
Qed.

(* `floor`: the candidate's own value, over all offsets; Z = sum phi(X_i) and T = lam sum theta *)
Theorem floor_bound (W Z : 'M[R]_(m, n)) d cost T : (forall Z, d <= l Z + dot W Z) ->
  (forall q, - cost / 2 <= dot W (A q) + H q) ->
  forall q, d - cost / 2 - dot W Z + T <= l (Z + A q) + T + H q.
Proof. by move=> hd hc q; have := dual_with_offsets hd hc Z q; lra. Qed.

End Offset.

Section Squared.
Variables (R : realFieldType) (m n : nat) (seen : 'I_m -> 'I_n -> bool) (c Y : 'M[R]_(m, n)).
Hypothesis c0 : forall i j, seen i j -> 0 < c i j.

Definition loss (h : R -> R -> R) (Z : 'M[R]_(m, n)) :=
  \sum_i \sum_j if seen i j then c i j * h (Z i j) (Y i j) else 0.

(* any loss: entrywise bounds add up, W zero where nothing is observed *)
Theorem loss_dual_matrix h (W d : 'M[R]_(m, n)) : (forall i j, ~~ seen i j -> W i j = 0) ->
  (forall i j, seen i j -> forall z, d i j <= c i j * h z (Y i j) + W i j * z) ->
  forall Z, \sum_i \sum_j (if seen i j then d i j else 0) <= loss h Z + dot W Z.
Proof.
move=> W0 hd Z; rewrite /loss /dot -big_split; apply: ler_sum => i _ /=.
rewrite -big_split; apply: ler_sum => j _ /=; case: (boolP (seen i j)) => [/hd -> //|/W0 ->].
by rewrite mul0r addr0.
Qed.

(* `dual_value`, least squares: s <W, Y> - s^2 / 2 sum W^2 / c *)
Theorem squared_value (W : 'M[R]_(m, n)) s : (forall i j, ~~ seen i j -> W i j = 0) ->
  forall Z, s * dot W Y - s ^+ 2 / 2 * (\sum_i \sum_j if seen i j then W i j ^+ 2 / c i j else 0)
    <= loss (@squared R) Z + dot (s *: W) Z.
Proof.
move=> W0 Z; have sW0 i j : ~~ seen i j -> (s *: W) i j = 0 by move/W0; rewrite mxE => ->; rewrite mulr0.
pose d : 'M[R]_(m, n) := \matrix_(i, j) (s * W i j * Y i j - (s * W i j) ^+ 2 / (2 * c i j)).
apply: le_trans (loss_dual_matrix (h := @squared R) (d := d) sW0 _ Z); last first.
  by move=> i j sij z; rewrite !mxE; apply: squared_dual; apply: c0.
rewrite /dot !mulr_sumr -sumrB; apply: ler_sum => i _; rewrite !mulr_sumr -sumrB.
apply: ler_sum => j _; case: (boolP (seen i j)) => [sij|/W0 ->]; last by rewrite mul0r !mulr0 subr0.
rewrite mxE le_eqVlt; apply/orP; left; apply/eqP; field.
by rewrite gt_eqF // c0.
Qed.

End Squared.

Section Pairs.
Variables (R : rcfType) (m n : nat) (Q : Type).
Variables (l : 'M[R]_(m, n) -> R) (A : Q -> 'M[R]_(m, n)) (H : Q -> R) (neg : Q -> Q).
Variables (Na : 'cV[R]_m -> R) (ca : 'I_m -> sign) (Nb : 'cV[R]_n -> R) (cb : 'I_n -> sign).
Hypotheses (even : forall q, H (neg q) = H q) (odd : forall q, A (neg q) = - A q).
Hypotheses (Na0 : forall u, 0 <= Na u) (Nb0 : forall v, 0 <= Nb v).

(* a slice: two columns in their cones *)
Definition slice := {x : 'cV[R]_m * 'cV[R]_n | in_cone ca x.1 /\ in_cone cb x.2}.

Definition outer (x : slice) : 'M[R]_(m, n) := (sval x).1 *m (sval x).2^T.

Definition product_price (x : slice) : R := Na (sval x).1 * Nb (sval x).2.

(* `weak_duality` for pairs: W = W0 + C, |C| <= e the corrections, P(W0) by any rule, and the loss
   and offsets by theirs at s W; then the bound holds for factors of every size and all offsets *)
Theorem weak_duality_pairs (W0 C : 'M[R]_(m, n)) P e wide s lam d cost :
  pair_le Na ca Nb cb W0 P -> l2 C <= e -> 0 <= wide ->
  (forall u v, in_cone ca u -> in_cone cb v -> l2 (u *m v^T) <= wide * (Na u * Nb v)) ->
  0 <= s -> s * (P + e * wide) <= lam ->
  (forall Z, d <= l Z + dot (s *: (W0 + C)) Z) ->
  (forall q, - cost / 2 <= dot (s *: (W0 + C)) (A q) + H q) ->
  forall (xs : seq slice) q,
    d - cost / 2 <= l (fit outer xs + A q) + lam * price product_price xs + H q.
Proof.
move=> hP hC w0 hw s0 hs hd hc xs q.
have theta0 (x : slice) : 0 <= product_price x by rewrite mulr_ge0.
have hpol : polar_le (dot (W0 + C)) outer product_price (P + e * wide).
  apply: (stray_polar w0 hC theta0) => [x|]; last exact: pair_polar hP.
  by case: x => [[u v] /= [cu cv]]; apply: hw.
have hdual := dual_with_offsets even odd hd hc.
exact: (weak_duality_matrix (l := fun Z q => l (Z + A q)) theta0 s0 hs hdual hpol xs q).
Qed.

End Pairs.
