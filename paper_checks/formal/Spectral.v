(* `spectral`: u^T W v <= sqrt(c c' t) |u| |v| from X^T X + M <= t I, X = S (W + N) S'.

   t comes from `Arithmetic.top` (`residual_le`: t = shift + |E|_inf); the kernel also takes the
   row sums of the matrix itself, which is the case shift = 0, L = 0.  Its rounded tier forms the
   Gram matrix of a matrix near X and adds the distance to the root: `spectral_slack`. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms Lines.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Plain.
Variable R : realFieldType.

(* the plain rule, in squares: l2 x l2 without signs or scales *)
Theorem spectral_squares m n k (W : 'M[R]_(m, n)) (E : 'M_n) (L : 'M_(n, k)) shift e (u : 'cV_m) (v : 'cV_n) :
  E^T = E -> shift%:M - W^T *m W = L *m L^T + E -> rows_le E e ->
  dot u (W *m v) ^+ 2 <= (shift + e) * (sq u * sq v).
Proof.
move=> sym eq hE; apply: le_trans (cauchy_schwarz u (W *m v)) _.
rewrite mulrCA ler_wpM2l ?sq_ge0 // -qf_gramT; exact: residual_le sym eq hE.
Qed.

(* multipliers of the signs are nonnegative on the cones: N, and the symmetric M *)
Lemma multiplier_ge0 m n (N : 'M[R]_(m, n)) ca cb (u : 'cV_m) (v : 'cV_n) :
  (forall i j, meets (N i j) (ca i) (cb j)) -> in_cone ca u -> in_cone cb v ->
  0 <= dot u (N *m v).
Proof.
move=> hN cu cv; rewrite -dot_outer; apply: sumr_ge0 => i _; apply: sumr_ge0 => j _.
by rewrite mxE big_ord1 mxE; apply: meets_ge0 (hN i j) (cu i) (cv j).
Qed.

End Plain.

Section Rule.
Variables (R : rcfType) (m n : nat).
Variables (Na : 'cV[R]_m -> R) (ca : 'I_m -> sign) (Nb : 'cV[R]_n -> R) (cb : 'I_n -> sign).
Hypotheses (Na0 : forall u, 0 <= Na u) (Nb0 : forall v, 0 <= Nb v).

(* scales: c bounds sum u_i^2 / s_i^2 over the ball (`rescaled`, `diagonal_cost`) *)
Variables (s : 'rV[R]_m) (s' : 'rV[R]_n) (c c' : R).
Hypotheses (s0 : forall i, 0 < s 0 i) (s'0 : forall j, 0 < s' 0 j) (c0 : 0 <= c) (c'0 : 0 <= c').
Hypotheses (hc : cost_le Na ca (fun i => (s 0 i)^-1 ^+ 2) c).
Hypotheses (hc' : cost_le Nb cb (fun j => (s' 0 j)^-1 ^+ 2) c').

Variables (W N : 'M[R]_(m, n)).
Hypothesis hN : forall i j, meets (N i j) (ca i) (cb j).

Let X := diag_mx s *m (W + N) *m diag_mx s'.

Let over k (d : 'rV[R]_k) (x : 'cV[R]_k) := \col_i (x i 0 / d 0 i).

Let overK k (d : 'rV[R]_k) x : (forall i, 0 < d 0 i) -> diag_mx d *m over d x = x.
Proof.
move=> d0; apply/colP => i; rewrite mul_diag_mx !mxE mulrC divfK ?gt_eqF //.
Qed.

Let over_cone k (d : 'rV[R]_k) co x : (forall i, 0 < d 0 i) -> in_cone co x ->
  in_cone co (over d x).
Proof.
move=> d0 cx i; have := cx i; rewrite mxE; have := d0 i; rewrite -invr_gt0.
move: (x i 0) (d 0 i)^-1 => a b b0; case: (co i) => //=; nra.
Qed.

Let sq_over k (d : 'rV[R]_k) co (No : 'cV[R]_k -> R) x cost :
  cost_le No co (fun i => (d 0 i)^-1 ^+ 2) cost -> in_cone co x ->
  sq (over d x) <= cost * No x ^+ 2.
Proof.
move=> h cx; apply: le_trans (h x cx); rewrite sq_col.
by apply: ler_sum => i _; rewrite mxE exprMn mulrC.
Qed.

Let below u v : in_cone ca u -> in_cone cb v ->
  dot u (W *m v) <= dot (over s u) (X *m over s' v).
Proof.
move=> cu cv; have -> : dot (over s u) (X *m over s' v) = dot u ((W + N) *m v).
  rewrite /X -!mulmxA overK // -{2}(overK u s0) dot_mull; congr dot.
  by rewrite tr_diag_mx mulmxA.
by rewrite mulmxDl dotDr lerDl (multiplier_ge0 hN).
Qed.

Let finish t P u v : 0 <= t -> 0 <= P -> t * (c * c') <= P ^+ 2 ->
  in_cone ca u -> in_cone cb v ->
  dot (over s u) (X *m over s' v) ^+ 2 <= t * (sq (over s u) * sq (over s' v)) ->
  dot u (W *m v) <= P * (Na u * Nb v).
Proof.
move=> t0 P0 hP cu cv h; apply: le_trans (below cu cv) _.
have [neg|pos] := leP (dot (over s u) (X *m over s' v)) 0.
  by apply: le_trans neg _; rewrite !mulr_ge0.
rewrite -ler_sqr ?nnegrE ?(ltW pos) ?mulr_ge0 //.
apply: le_trans h _; apply: le_trans (_ : t * (c * Na u ^+ 2 * (c' * Nb v ^+ 2)) <= _).
  rewrite ler_wpM2l // ler_pM ?sq_ge0 //; [exact: sq_over hc cu|exact: sq_over hc' cv].
have := ler_wpM2r (mulr_ge0 (sqr_ge0 (Na u)) (sqr_ge0 (Nb v))) hP.
by rewrite !exprMn; lra.
Qed.

(* axis 1: M on the signs of v, X^T X + M <= t I *)
Theorem spectral_columns (M : 'M[R]_n) t P :
  (forall i j, meets (M i j) (cb i) (cb j)) ->
  (forall z, qf (X^T *m X + M) z <= t * sq z) -> 0 <= t -> 0 <= P -> t * (c * c') <= P ^+ 2 ->
  pair_le Na ca Nb cb W P.
Proof.
move=> hM ht t0 P0 hP u v cu cv; apply: (finish t0) => //.
apply: le_trans (cauchy_schwarz _ _) _; rewrite mulrCA ler_wpM2l ?sq_ge0 // -qf_gramT.
apply: le_trans (ht _); rewrite qfD lerDl.
have cz := over_cone s'0 cv; exact: (multiplier_ge0 hM cz cz).
Qed.

(* axis 0: M on the signs of u, X X^T + M <= t I *)
Theorem spectral_rows (M : 'M[R]_m) t P :
  (forall i j, meets (M i j) (ca i) (ca j)) ->
  (forall z, qf (X *m X^T + M) z <= t * sq z) -> 0 <= t -> 0 <= P -> t * (c * c') <= P ^+ 2 ->
  pair_le Na ca Nb cb W P.
Proof.
move=> hM ht t0 P0 hP u v cu cv; apply: (finish t0) => //.
rewrite dotC dot_mull; apply: le_trans (cauchy_schwarz _ _) _.
rewrite mulrA [t * _ * _]mulrC ler_wpM2l ?sq_ge0 // -qf_gram.
apply: le_trans (ht _); rewrite qfD lerDl.
have cz := over_cone s0 cu; exact: (multiplier_ge0 hM cz cz).
Qed.

(* X known up to rad (`Arithmetic.gram` in the rounded tier): T = root of t, V = root of c c' *)
Theorem spectral_slack (X0 : 'M[R]_(m, n)) (M : 'M[R]_n) t rad T V :
  l2 (X - X0) <= rad -> (forall i j, meets (M i j) (cb i) (cb j)) ->
  (forall z, qf (X0^T *m X0 + M) z <= t * sq z) -> 0 <= T -> t <= T ^+ 2 -> 0 <= V ->
  c * c' <= V ^+ 2 -> pair_le Na ca Nb cb W ((T + rad) * V).
Proof.
move=> hrad hM ht T0 tT V0 hV u v cu cv; apply: le_trans (below cu cv) _.
set x := over s u; set z := over s' v; have cz : in_cone cb z by exact: over_cone.
have near : dot x (X0 *m z) <= T * (l2 x * l2 z).
  have P0 : 0 <= T * (l2 x * l2 z) by rewrite !mulr_ge0 ?l2_ge0.
  have [neg|pos] := leP (dot x (X0 *m z)) 0; first exact: le_trans neg P0.
  rewrite -ler_sqr ?nnegrE ?(ltW pos) //; apply: le_trans (cauchy_schwarz _ _) _.
  rewrite !exprMn !l2_sqr mulrCA ler_wpM2l ?sq_ge0 // -qf_gramT.
  apply: le_trans (_ : t * sq z <= _); last by rewrite ler_wpM2r ?sq_ge0.
  by apply: le_trans (ht z); rewrite qfD lerDl (multiplier_ge0 hM cz cz).
have far : dot x ((X - X0) *m z) <= rad * (l2 x * l2 z).
  rewrite -dot_outer; apply: le_trans (dot_l2 _ _) _.
  have -> : l2 (x *m z^T) = l2 x * l2 z by rewrite /l2 sq_outer sqrtrM ?sq_ge0.
  by rewrite ler_wpM2r ?mulr_ge0 ?l2_ge0.
have -> : dot x (X *m z) = dot x (X0 *m z) + dot x ((X - X0) *m z).
  by rewrite -dotDr -mulmxDl addrC subrK.
have size_ : l2 x * l2 z <= V * (Na u * Nb v).
  rewrite -ler_sqr ?nnegrE ?mulr_ge0 ?l2_ge0 // !exprMn !l2_sqr.
  apply: le_trans (_ : c * Na u ^+ 2 * (c' * Nb v ^+ 2) <= _).
    by rewrite ler_pM ?sq_ge0 //; [exact: sq_over hc cu|exact: sq_over hc' cv].
  have := ler_wpM2r (mulr_ge0 (sqr_ge0 (Na u)) (sqr_ge0 (Nb v))) hV; lra.
have rad0 : 0 <= T + rad by rewrite addr_ge0 // (le_trans (l2_ge0 _) hrad).
have := ler_wpM2l rad0 size_; lra.
Qed.

(* the witness as the file holds it: shift and L, t = max(shift + e, 0) *)
Theorem spectral_witness k (M E : 'M[R]_n) (L : 'M_(n, k)) shift e P :
  (forall i j, meets (M i j) (cb i) (cb j)) ->
  E^T = E -> shift%:M - (X^T *m X + M) = L *m L^T + E -> rows_le E e ->
  0 <= P -> Num.max (shift + e) 0 * (c * c') <= P ^+ 2 -> pair_le Na ca Nb cb W P.
Proof.
move=> hM sym eq hE P0 hP; apply: spectral_columns hM _ _ P0 hP => [z|]; last first.
  by rewrite le_max lexx orbT.
apply: le_trans (residual_le z sym eq hE) _.
by rewrite ler_wpM2r ?sq_ge0 // le_max lexx.
Qed.

(* ... and the other axis *)
Theorem spectral_witness_rows k (M E : 'M[R]_m) (L : 'M_(m, k)) shift e P :
  (forall i j, meets (M i j) (ca i) (ca j)) ->
  E^T = E -> shift%:M - (X *m X^T + M) = L *m L^T + E -> rows_le E e ->
  0 <= P -> Num.max (shift + e) 0 * (c * c') <= P ^+ 2 -> pair_le Na ca Nb cb W P.
Proof.
move=> hM sym eq hE P0 hP; apply: spectral_rows hM _ _ P0 hP => [z|]; last first.
  by rewrite le_max lexx orbT.
apply: le_trans (residual_le z sym eq hE) _.
by rewrite ler_wpM2r ?sq_ge0 // le_max lexx.
Qed.

End Rule.
