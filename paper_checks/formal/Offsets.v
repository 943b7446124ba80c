(* What the offsets Q cost: a lower bound of <W, A q> + H(q) over all q, for each kind.

   `cost` of a kernel offset returns twice the negated bound.  Sums A* W are exact in the
   kernel; norms are rounded up. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms Lines.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Offsets.
Variable R : realFieldType.
Variables (m n : nat).
Implicit Types (W Q : 'M[R]_(m, n)) (rho kappa s : R).

(* `intercept`, `row`, `column`, `mode`: q holds one number for each value of an index g of the
   entries; A* W are the sums of W by index (`Offset.adjoint`). *)
Section Indexed.
Variables (p : nat) (g : 'I_m -> 'I_n -> 'I_p).

Definition spread_by (q : 'cV[R]_p) : 'M[R]_(m, n) := \matrix_(i, j) q (g i j) 0.

Definition sums_by W : 'cV[R]_p := \col_a \sum_i \sum_(j | g i j == a) W i j.

Theorem adjoint_indexed W q : dot W (spread_by q) = dot (sums_by W) q.
Proof.
rewrite dot_col; under [RHS]eq_bigr do rewrite mxE mulr_suml.
rewrite exchange_big /=; apply: eq_bigr => i _.
rewrite (partition_big (g i) predT) //=; apply: eq_bigr => a _; rewrite mulr_suml.
by apply: eq_bigr => j /eqP <-; rewrite mxE.
Qed.

End Indexed.

(* ... of a column (q_j in every entry of column j), of a row, and of a mode: column j of a
   tensor's matrix has the index f j in that mode.  An intercept has one index for all. *)
Theorem adjoint_column W (q : 'cV[R]_n) :
  dot W (\matrix_(i, j) q j 0) = dot (\col_j \sum_i W i j) q.
Proof.
rewrite dot_col /dot exchange_big; apply: eq_bigr => j _ /=.
by rewrite mxE mulr_suml; apply: eq_bigr => i _; rewrite mxE.
Qed.

Theorem adjoint_row W (q : 'cV[R]_m) :
  dot W (\matrix_(i, j) q i 0) = dot (\col_i \sum_j W i j) q.
Proof.
rewrite dot_col; apply: eq_bigr => i _.
by rewrite mxE mulr_suml; apply: eq_bigr => j _; rewrite mxE.
Qed.

Theorem adjoint_mode p (f : 'I_n -> 'I_p) W (q : 'cV[R]_p) :
  dot W (\matrix_(i, j) q (f j) 0) = dot (\col_a \sum_(j | f j == a) \sum_i W i j) q.
Proof.
have -> : (\matrix_(i, j) q (f j) 0 : 'M[R]_(m, n)) = spread_by (fun _ => f) q.
  by apply/matrixP => i j; rewrite !mxE.
rewrite adjoint_indexed; congr dot; apply/colP => a; rewrite !mxE exchange_big /=.
by apply: eq_bigr.
Qed.

(* `linear`: A q = F q, A* W = F^T W *)
Theorem adjoint_linear p (F : 'M[R]_(m, p)) W q : dot W (F *m q) = dot (F^T *m W) q.
Proof. by rewrite dotC dot_mull dotC. Qed.

(* ridge 0: A* W = 0 exactly, and then the offset drops out *)
Theorem free_offset a b (T q : 'M[R]_(a, b)) : T = 0 -> dot T q = 0.
Proof. by move=> ->; rewrite dot0l. Qed.

(* ... otherwise nothing is proved: the infimum is -infinity *)
Theorem free_unbounded a b (T : 'M[R]_(a, b)) M : T != 0 -> exists q, dot T q < M.
Proof.
move=> T0; have pos : 0 < sq T.
  by rewrite lt_def sq_ge0 andbT; apply: contra T0 => /eqP/sq_eq0 ->.
exists (- ((`|M| + 1) / sq T) *: T); rewrite dotZr mulNr divfK ?gt_eqF //.
by have := ler_norm (- M); rewrite normrN; lra.
Qed.

(* `Offset.cost`: ridge/2 sum w q^2, w = 1 without weights *)
Theorem ridge_offset a b (T q w : 'M[R]_(a, b)) rho : 0 < rho -> (forall i j, 0 < w i j) ->
  - (\sum_i \sum_j T i j ^+ 2 / (rho * w i j)) / 2
  <= dot T q + rho / 2 * \sum_i \sum_j w i j * q i j ^+ 2.
Proof.
move=> r0 w0; rewrite mulNr mulr_suml -sumrN mulr_sumr -big_split /=; apply: ler_sum => i _.
rewrite mulr_suml -sumrN mulr_sumr -big_split /=; apply: ler_sum => j _.
have := w0 i j; move: (T i j) (q i j) (w i j) => t x v v0.
have : 0 <= rho * v / 2 * (x + t / (rho * v)) ^+ 2.
  by rewrite mulr_ge0 ?sqr_ge0 // divr_ge0 // ltW // mulr_gt0.
rewrite (_ : _ * _ ^+ 2 = t * x + rho / 2 * (v * x ^+ 2) + t ^+ 2 / (rho * v) / 2); first by lra.
by field; rewrite !gt_eqF.
Qed.

Theorem ridge_plain a b (T q : 'M[R]_(a, b)) rho : 0 < rho ->
  - (sq T / rho) / 2 <= dot T q + rho / 2 * sq q.
Proof.
move=> r0; have : 0 <= rho / 2 * sq (q + rho^-1 *: T).
  by rewrite mulr_ge0 ?sq_ge0 // divr_ge0 // ltW.
rewrite sqD sqZ dotZr (dotC q).
rewrite (_ : rho / 2 * _ = dot T q + rho / 2 * sq q + sq T / rho / 2); first by lra.
by field; rewrite gt_eqF.
Qed.

(* `sparse`: |W_ij| <= rho (`dual_limit`) *)
Theorem sparse_offset W Q rho : (forall i j, `|W i j| <= rho) ->
  0 <= dot W Q + rho * \sum_i \sum_j `|Q i j|.
Proof.
move=> h; rewrite mulr_sumr -big_split sumr_ge0 // => i _.
rewrite /= mulr_sumr -big_split sumr_ge0 // => j _ /=.
have := ler_wpM2r (normr_ge0 (Q i j)) (h i j); have := ler_norm (- (W i j * Q i j)).
by rewrite normrN normrM; lra.
Qed.

(* `smooth_cost`, at a witness Q0: Pi is the projector on ker K, whose complement has the
   eigenvalues >= kappa; W + K Q0 is orthogonal to ker K.  With ridge > 0, Pi = 0. *)
Theorem smooth_offset (K Pi : 'M[R]_m) kappa W Q Q0 (r := W + K *m Q0) :
  K^T = K -> Pi^T = Pi -> 0 < kappa -> Pi *m r = 0 ->
  (forall D : 'M[R]_(m, n), kappa * sq (D - Pi *m D) <= dot D (K *m D)) ->
  dot W Q0 + dot Q0 (K *m Q0) / 2 - sq r / (2 * kappa) <= dot W Q + dot Q (K *m Q) / 2.
Proof.
move=> symK symP k0 Pr gap.
have [D ->] : exists D, Q = Q0 + D by exists (Q - Q0); rewrite addrC subrK.
have rDE : dot r D = dot W D + dot D (K *m Q0) by rewrite /r dotDl [dot (_ *m _) D]dotC.
move: r Pr rDE => r Pr rDE.
have cross : dot Q0 (K *m D) = dot D (K *m Q0) by rewrite dotC dot_mull symK.
have rD : dot r D = dot r (D - Pi *m D).
  by rewrite dotBr [dot r (_ *m _)]dotC dot_mull symP Pr dot0r subr0.
have h : 0 <= kappa / 2 * sq (D - Pi *m D + kappa^-1 *: r).
  by rewrite mulr_ge0 ?sq_ge0 // divr_ge0 // ltW.
have e : kappa / 2 * sq (D - Pi *m D + kappa^-1 *: r)
       = kappa / 2 * sq (D - Pi *m D) + dot r D + sq r / (2 * kappa).
  by rewrite sqD sqZ dotZr (dotC _ r) -rD; field; rewrite gt_eqF.
rewrite mulmxDr !dotDr !dotDl cross; have := gap D; rewrite e rDE in h; lra.
Qed.

(* ridge > 0: kappa = ridge, K = rho L + ridge I, L >= 0 *)
Theorem ridge_gap (L : 'M[R]_m) rho ridge (D : 'M[R]_(m, n)) : 0 <= rho ->
  (forall D : 'M[R]_(m, n), 0 <= dot D (L *m D)) ->
  ridge * sq (D - 0 *m D) <= dot D ((rho *: L + ridge%:M) *m D).
Proof.
move=> r0 hL; rewrite mul0mx subr0 mulmxDl -scalemxAl mul_scalar_mx dotDr !dotZr.
by rewrite lerDr mulr_ge0.
Qed.

(* s W has s^2 times the cost of W: the bound at one scale is the bound at all *)
Theorem scaled_offset (K : 'M[R]_m) W Q s cost : 0 < s ->
  (forall Q : 'M[R]_(m, n), - cost / 2 <= dot W Q + dot Q (K *m Q) / 2) ->
  - (s ^+ 2 * cost) / 2 <= dot (s *: W) Q + dot Q (K *m Q) / 2.
Proof.
move=> s0 h; have := ler_wpM2l (ltW (exprn_gt0 2 s0)) (h (s^-1 *: Q)).
rewrite -scalemxAr !dotZr !dotZl.
rewrite (_ : s ^+ 2 * (_ + _) = s * dot W Q + dot Q (K *m Q) / 2); first by lra.
by field; rewrite gt_eqF.
Qed.

(* several offsets: the bounds add up *)
Theorem offsets_sum (I : finType) W (T : I -> R) (H : I -> R) (field : I -> 'M[R]_(m, n))
  (cost : I -> R) : (forall k, - cost k / 2 <= dot W (field k) + H k) ->
  - (\sum_k cost k) / 2 <= dot W (\sum_k field k) + \sum_k H k.
Proof.
move=> h; rewrite dot_sumr -big_split mulNr mulr_suml -sumrN; apply: ler_sum => k _ /=.
by rewrite -mulNr.
Qed.

End Offsets.

Section Corrections.
Variables (R : rcfType) (m n : nat).

(* exact corrections C of a float field W0: `Dual.stray` times `wide` is added to its polar *)
Theorem stray_polar S (phi : S -> 'M[R]_(m, n)) theta (W0 C : 'M[R]_(m, n)) P e wide :
  0 <= wide -> l2 C <= e -> (forall x, 0 <= theta x) -> (forall x, l2 (phi x) <= wide * theta x) ->
  polar_le (fun Z => dot W0 Z) phi theta P ->
  polar_le (fun Z => dot (W0 + C) Z) phi theta (P + e * wide).
Proof.
move=> w0 hC t0 hw h x; rewrite dotDl mulrDl lerD //.
apply: le_trans (dot_l2 C (phi x)) _; rewrite -mulrA.
by apply: ler_pM; rewrite ?l2_ge0.
Qed.

(* of a pair: wide = root of the two sides' `widest` *)
Theorem wide_pair (Na : 'cV[R]_m -> R) ca (Nb : 'cV[R]_n -> R) cb c c' wide u v :
  (forall x, 0 <= Na x) -> (forall x, 0 <= Nb x) -> 0 <= wide -> c * c' <= wide ^+ 2 ->
  0 <= c -> cost_le Na ca (fun=> 1) c -> cost_le Nb cb (fun=> 1) c' ->
  in_cone ca u -> in_cone cb v -> l2 (u *m v^T) <= wide * (Na u * Nb v).
Proof.
move=> Na0 Nb0 w0 hw c0 ha hb cu cv; rewrite l2_le ?mulr_ge0 // sq_outer.
apply: (@le_trans _ _ ((c * Na u ^+ 2) * (c' * Nb v ^+ 2))).
  by apply: ler_pM; rewrite ?sq_ge0 ?(widest_le ha) ?(widest_le hb).
have := ler_wpM2r (mulr_ge0 (sqr_ge0 (Na u)) (sqr_ge0 (Nb v))) hw.
by rewrite !exprMn; lra.
Qed.

End Corrections.
