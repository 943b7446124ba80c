(* lam = 0: `tail`, `centred`, `ky_fan`, `blocks`.

   No singular values: a matrix of rank <= r is U V^T with r columns, and the projector on the
   span of U does what Eckart-Young and Ky Fan do in the docstrings.  The kernel's rounded tier
   subtracts `spread` for the error of forming C C^T, which only lowers the bound. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From mathcomp Require Import lra ring.
From Formal Require Import Base.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Projectors.
Variable R : realFieldType.

Definition projector n (P : 'M[R]_n) := P^T = P /\ P *m P = P.

Lemma projector_sq n p (P : 'M[R]_n) (A : 'M[R]_(n, p)) : projector P ->
  sq (P *m A) = dot A (P *m A).
Proof. by move=> [sym idem]; rewrite /sq dot_mull sym mulmxA idem. Qed.

(* |A|^2 = |P A|^2 + |(1 - P) A|^2 *)
Lemma projector_split n p (P : 'M[R]_n) (A : 'M[R]_(n, p)) : projector P ->
  sq A = sq (P *m A) + sq (A - P *m A).
Proof. by move=> hP; rewrite sqB (projector_sq _ hP); ring. Qed.

Lemma projector_le n p (P : 'M[R]_n) (A : 'M[R]_(n, p)) : projector P -> sq (P *m A) <= sq A.
Proof. by move=> hP; rewrite (projector_split A hP) lerDl sq_ge0. Qed.

Lemma projector_le_right n p (P : 'M[R]_n) (A : 'M[R]_(p, n)) : projector P ->
  sq (A *m P) <= sq A.
Proof.
by move=> hP; rewrite -sq_tr trmx_mul (proj1 hP) -[sq A]sq_tr projector_le.
Qed.

Lemma projector_trace n (P : 'M[R]_n) : projector P -> sq P = \tr P.
Proof. by move=> [sym idem]; rewrite /sq dotE sym idem. Qed.

Lemma projector1 n : projector (1%:M : 'M[R]_n).
Proof. by split; rewrite ?trmx1 ?mulmx1. Qed.

(* the projector on the span of r columns: its trace is at most r *)
Lemma span_projector m r (U : 'M[R]_(m, r)) :
  exists P, [/\ projector P, P *m U = U & \tr P <= r%:R].
Proof.
elim: r U => [|r IH] U.
  exists 0; split; last by rewrite mxtrace0.
    by split; rewrite ?trmx0 ?mul0mx.
  by rewrite [U]thinmx0 mulmx0.
rewrite -[r.+1]/(1 + r)%N in U *.
have split_U : U = row_mx (lsubmx U) (rsubmx U) by rewrite hsubmxK.
move: (lsubmx U) (rsubmx U) split_U => u V -> {U}.
have [P [[sym idem] PV trP]] := IH V.
pose w := u - P *m u.
have Pw : P *m w = 0 by rewrite mulmxBr mulmxA idem subrr.
have wP : w^T *m P = 0 by rewrite -[P]sym -trmx_mul Pw trmx0.
have [/eqP w0|nz] := boolP (sq w == 0).
  exists P; split=> //; last by rewrite (le_trans trP) // ler_nat.
  rewrite mul_mx_row PV; congr row_mx.
  by apply/eqP; rewrite eq_sym -subr_eq0; apply/eqP; apply: sq_eq0.
have ww : w^T *m w = (sq w)%:M by rewrite [LHS]mx11_scalar dot_mx11.
pose Q := P + (sq w)^-1 *: (w *m w^T).
have Qw : Q *m w = w.
  by rewrite mulmxDl Pw add0r -scalemxAl -mulmxA ww mul_mx_scalar scalerA mulVf // scale1r.
have QP : Q *m P = P by rewrite mulmxDl idem -scalemxAl -mulmxA wP mulmx0 scaler0 addr0.
exists Q; split.
- split; first by rewrite linearD linearZ /= trmx_mul trmxK sym.
  by rewrite {2}/Q mulmxDr QP -scalemxAr mulmxA Qw.
- rewrite mul_mx_row; congr row_mx.
    have -> : u = w + P *m u by rewrite subrK.
    by rewrite mulmxDr Qw mulmxA QP.
  by rewrite -{1}PV mulmxA QP PV.
- rewrite mxtraceD mxtraceZ mxtrace_mulC ww mxtrace_scalar mulr1n mulVf // natrD addrC.
  by rewrite lerD2l.
Qed.

(* `tail`, for the projectors P and P' that remove the fitted means: any Z of rank <= r. *)
Section Tail.
Variables (m n r q : nat) (P : 'M[R]_m) (P' : 'M[R]_n) (K : 'M[R]_(m, q)) (t : R).
Hypotheses (hP : projector P) (hP' : projector P').

(* outside the span of P U nothing of Z = U V^T is left *)
Lemma tail_of_head (C : 'M[R]_(m, n)) h (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  (forall S, projector S -> \tr S <= r%:R -> sq (S *m P *m C) <= h) ->
  sq (P *m C *m P') - h <= sq (P *m (C - U *m V^T) *m P').
Proof.
move=> head; have [S [hS SU trS]] := span_projector (P *m U).
set D := P *m C *m P'.
have -> : P *m (C - U *m V^T) *m P' = D - (P *m U) *m (V^T *m P').
  by rewrite mulmxBr mulmxBl /D !mulmxA.
set Z := (P *m U) *m (V^T *m P').
have SZ : S *m Z = Z by rewrite /Z mulmxA SU.
rewrite [X in _ <= X](projector_split _ hS) (projector_split D hS).
have -> : D - Z - S *m (D - Z) = D - S *m D by rewrite mulmxBr SZ opprB addrA subrK.
have step : sq (S *m D) <= sq (S *m P *m C).
  by rewrite /D !mulmxA; apply: projector_le_right.
have := sq_ge0 (S *m (D - Z)); have := head S hS trS; lra.
Qed.

Lemma rows_gram k p (M : 'M[R]_(k, m)) (A : 'M[R]_(m, p)) :
  sq (M *m A) = \sum_i qf (A *m A^T) (row i M)^T.
Proof.
rewrite -sq_tr trmx_mul /sq /dot exchange_big /=; apply: eq_bigr => i _.
rewrite qf_gram sq_col; apply: eq_bigr => j _.
by rewrite -expr2; congr (_ ^+ 2); rewrite !mxE; apply: eq_bigr => l _; rewrite !mxE.
Qed.

Variable C : 'M[R]_(m, n).

(* G = C C^T <= t I + K K^T *)
Hypothesis hG : forall x, qf (C *m C^T - K *m K^T) x <= t * sq x.

(* and inside it is at most r t + |K|^2 *)
Lemma head_le S : projector S -> \tr S <= r%:R ->
  sq (S *m P *m C) <= r%:R * Num.max t 0 + sq K.
Proof.
move=> hS trS; pose M := S *m P; rewrite -/M.
have colsM : sq M = \sum_i sq (row i M)^T.
  by apply: eq_bigr => i _; rewrite sq_col; apply: eq_bigr => j _; rewrite !mxE expr2.
have M1 : sq M <= r%:R.
  apply: le_trans (projector_le_right S hP) _.
  by rewrite projector_trace.
have MK : sq (M *m K) <= sq K.
  by rewrite /M -mulmxA (le_trans (projector_le _ hS)) // projector_le.
have one i : qf (C *m C^T) (row i M)^T <= Num.max t 0 * sq (row i M)^T + qf (K *m K^T) (row i M)^T.
  have := hG (row i M)^T; rewrite qfB.
  have : t * sq (row i M)^T <= Num.max t 0 * sq (row i M)^T.
    by rewrite ler_wpM2r ?sq_ge0 // le_max lexx.
  lra.
rewrite rows_gram; apply: le_trans (ler_sum _ (fun i _ => one i)) _.
rewrite big_split -mulr_sumr -colsM -rows_gram /= lerD // mulrC ler_wpM2r //.
by rewrite le_max lexx orbT.
Qed.

Theorem tail_rows (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  sq (P *m C *m P') - r%:R * Num.max t 0 - sq K <= sq (P *m (C - U *m V^T) *m P').
Proof.
rewrite -addrA -opprD; apply: tail_of_head => S hS trS; exact: head_le.
Qed.

(* the same for a matrix C' within slack of C, whose Gram matrix the rounded tier forms:
   `spread`, T = root of (r t + |K|^2) r *)
Theorem tail_slack (C' : 'M[R]_(m, n)) slack T (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  0 <= slack -> sq (C' - C) <= slack ^+ 2 -> 0 <= T ->
  (r%:R * Num.max t 0 + sq K) * r%:R <= T ^+ 2 ->
  sq (P *m C' *m P') - (r%:R * Num.max t 0 + sq K + (2 * slack * T + r%:R * slack ^+ 2))
  <= sq (P *m (C' - U *m V^T) *m P').
Proof.
move=> s0 hs T0 hT; apply: tail_of_head => S hS trS.
have head := head_le hS trS; set h := _ + sq K in head hT *.
have near : sq (S *m P *m (C' - C)) <= r%:R * slack ^+ 2.
  case: r trS {hT h head} => [|r'] trS.
    have S0 : S = 0.
      by apply: sq_eq0; apply/eqP; rewrite eq_le sq_ge0 andbT projector_trace.
    by rewrite S0 !mul0mx sq0 mul0r.
  rewrite -mulmxA (le_trans (projector_le _ hS)) // (le_trans (projector_le _ hP)) //.
  apply: le_trans hs _; rewrite -[X in X <= _]mul1r ler_wpM2r ?sqr_ge0 //.
  by rewrite ler1n.
have -> : S *m P *m C' = S *m P *m C + S *m P *m (C' - C).
  by rewrite -mulmxDr addrC subrK.
have h0 : 0 <= h by apply: le_trans head; apply: sq_ge0.
have cross : dot (S *m P *m C) (S *m P *m (C' - C)) <= slack * T.
  have P0 : 0 <= slack * T by rewrite mulr_ge0.
  have [neg|pos] := leP (dot (S *m P *m C) (S *m P *m (C' - C))) 0; first exact: le_trans neg P0.
  rewrite -ler_sqr ?nnegrE ?(ltW pos) //; apply: le_trans (cauchy_schwarz _ _) _.
  apply: le_trans (_ : h * (r%:R * slack ^+ 2) <= _); first by rewrite ler_pM ?sq_ge0.
  by have := ler_wpM2r (sqr_ge0 slack) hT; rewrite exprMn; lra.
rewrite sqD; lra.
Qed.

End Tail.

(* the other axis: G = C^T C *)
Theorem tail_columns m n r q (C : 'M[R]_(m, n)) P P' (K : 'M[R]_(n, q)) t
  (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) : projector P -> projector P' ->
  (forall x, qf (C^T *m C - K *m K^T) x <= t * sq x) ->
  sq (P *m C *m P') - r%:R * Num.max t 0 - sq K <= sq (P *m (C - U *m V^T) *m P').
Proof.
move=> hP hP' hG; rewrite -sq_tr -[X in _ <= X]sq_tr !trmx_mul (proj1 hP) (proj1 hP').
rewrite linearB /= trmx_mul trmxK !mulmxA; apply: tail_rows => // x.
by rewrite trmxK.
Qed.

(* The projector that removes means: 1 - 1 1^T / m. *)
Definition centering m : 'M[R]_m := 1%:M - m%:R^-1 *: const_mx 1.

Lemma ones_ones m : (const_mx 1 : 'M[R]_m) = (const_mx 1 : 'cV_m) *m (const_mx 1 : 'cV_m)^T.
Proof. by apply/matrixP => i j; rewrite !mxE big_ord1 !mxE mulr1. Qed.

Lemma centering_ones m : centering m *m (const_mx 1 : 'cV[R]_m) = 0.
Proof.
case: m => [|m]; first by apply/matrixP => - [].
rewrite mulmxBl mul1mx -scalemxAl; apply/colP => i; rewrite !mxE.
under eq_bigr do rewrite !mxE mulr1.
by rewrite sumr_const card_ord mulVf ?subrr // pnatr_eq0.
Qed.

Lemma centering_projector m : projector (centering m).
Proof.
have sym : (centering m)^T = centering m.
  by rewrite linearB linearZ /= trmx1 trmx_const.
split=> //; rewrite {2}/centering mulmxBr mulmx1 -scalemxAr ones_ones mulmxA.
by rewrite centering_ones mul0mx scaler0 subr0.
Qed.

Lemma ones_centering m : (const_mx 1 : 'rV[R]_m) *m centering m = 0.
Proof.
by rewrite -[LHS]trmxK trmx_mul (proj1 (centering_projector m)) trmx_const centering_ones trmx0.
Qed.

(* `centred`: |P A|^2 = |A|^2 - |1^T A|^2 / m, on rows and on columns *)
Theorem centred_columns m n (A : 'M[R]_(m, n)) :
  sq (centering m *m A) = sq A - sq ((const_mx 1 : 'rV_m) *m A) / m%:R.
Proof.
rewrite (projector_sq _ (centering_projector m)) mulmxBl mul1mx dotBr -scalemxAl dotZr.
set o := const_mx 1 : 'rV[R]_m.
have -> : (const_mx 1 : 'M[R]_m) = o^T *m o by rewrite ones_ones /o !trmx_const.
by rewrite -mulmxA -dot_mull mulrC.
Qed.

Theorem centred_rows m n (A : 'M[R]_(m, n)) :
  sq (A *m centering n) = sq A - sq (A *m (const_mx 1 : 'cV_n)) / n%:R.
Proof.
rewrite -sq_tr trmx_mul (proj1 (centering_projector n)) centred_columns sq_tr.
by rewrite -[in X in _ - X]sq_tr trmx_mul trmxK trmx_const.
Qed.

(* both: |A|^2 - |1^T A|^2/m - |A 1|^2/n + (1^T A 1)^2/(m n) *)
Theorem centred_both m n (A : 'M[R]_(m, n)) :
  sq (centering m *m A *m centering n)
  = sq A - sq ((const_mx 1 : 'rV_m) *m A) / m%:R - sq (A *m (const_mx 1 : 'cV_n)) / n%:R
    + sq ((const_mx 1 : 'rV_m) *m A *m (const_mx 1 : 'cV_n)) / (m%:R * n%:R).
Proof.
rewrite centred_rows centred_columns -!mulmxA centred_columns !mulmxA invfM.
ring.
Qed.

(* The residual after any offsets: intercept columns 1 a^T are removed by P, intercept rows
   b 1^T by P', and k covariates raise the rank by k (`fan`). *)
Definition fitted_by m n k (a : 'rV[R]_n) (b : 'cV[R]_m) (F : 'M[R]_(m, k)) (beta : 'M[R]_(k, n)) :=
  (const_mx 1 : 'cV_m) *m a + b *m (const_mx 1 : 'rV_n) + F *m beta.

Section Fixed.
Variables (m n r k q : nat) (col row : bool).

(* P = the centering where column means are fitted, else 1; P' likewise *)
Definition removes_columns : 'M[R]_m := if col then centering m else 1%:M.
Definition removes_rows : 'M[R]_n := if row then centering n else 1%:M.

Lemma removes_columns_projector : projector removes_columns.
Proof.
by rewrite /removes_columns; case: col; [exact: centering_projector | exact: projector1].
Qed.

Lemma removes_rows_projector : projector removes_rows.
Proof.
by rewrite /removes_rows; case: row; [exact: centering_projector | exact: projector1].
Qed.

Variables (C : 'M[R]_(m, n)) (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)).
Variables (a : 'rV[R]_n) (b : 'cV[R]_m) (F : 'M[R]_(m, k)) (beta : 'M[R]_(k, n)).
Hypotheses (ha : ~~ col -> a = 0) (hb : ~~ row -> b = 0).

(* C = Y - mu for any offsets mu of the same kinds: a and b are then what is left to fit. *)
Theorem fixed_rank_bound low :
  (forall (U' : 'M[R]_(m, r + k)) (V' : 'M[R]_(n, r + k)),
    low <= sq (removes_columns *m (C - U' *m V'^T) *m removes_rows)) ->
  low <= sq (C - (U *m V^T + fitted_by a b F beta)).
Proof.
move=> h; pose U' := row_mx U F; pose V' := row_mx V beta^T.
apply: le_trans (h U' V') _.
have UV : U' *m V'^T = U *m V^T + F *m beta by rewrite tr_row_mx trmxK mul_row_col.
rewrite UV; set A := C - (U *m V^T + fitted_by a b F beta).
have -> : removes_columns *m (C - (U *m V^T + F *m beta)) *m removes_rows
        = removes_columns *m A *m removes_rows.
  have -> : C - (U *m V^T + F *m beta)
          = A + ((const_mx 1 : 'cV_m) *m a + b *m (const_mx 1 : 'rV_n)).
    rewrite /A /fitted_by; move: (U *m V^T) (F *m beta) (_ *m a) (b *m _) => B1 B2 B3 B4.
    by apply/matrixP => i j; rewrite !mxE; ring.
  rewrite mulmxDr mulmxDl [X in _ + X](_ : _ = 0) ?addr0 // mulmxDr mulmxDl.
  rewrite [X in X + _](_ : _ = 0) ?add0r; last first.
    rewrite /removes_columns; case: (boolP col) => [_|/ha ->].
      by rewrite mulmxA centering_ones !mul0mx.
    by rewrite !mulmx0 mul0mx.
  rewrite /removes_rows; case: (boolP row) => [_|/hb ->].
    by rewrite -!mulmxA ones_centering !mulmx0.
  by rewrite mul0mx mulmx0 mul0mx.
apply: le_trans (projector_le_right _ removes_rows_projector) _.
exact: projector_le removes_columns_projector.
Qed.

End Fixed.

(* `ky_fan`: f >= 1/2 (|P C P'|^2 - r t - |K|^2) for factors of rank <= r and all offsets.  The
   witness is K, and t from shift and L as everywhere. *)
Theorem ky_fan m n r k q p (col row : bool) (C : 'M[R]_(m, n)) (K : 'M[R]_(m, q)) (E : 'M_m)
  (L : 'M_(m, p)) shift e (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) a b (F : 'M[R]_(m, k)) beta :
  (~~ col -> a = 0) -> (~~ row -> b = 0) ->
  E^T = E -> shift%:M - (C *m C^T - K *m K^T) = L *m L^T + E -> rows_le E e ->
  (sq (removes_columns m col *m C *m removes_rows n row)
     - (r + k)%:R * Num.max (shift + e) 0 - sq K) / 2
  <= sq (C - (U *m V^T + fitted_by a b F beta)) / 2.
Proof.
move=> ha hb sym eq hE; rewrite ler_pM2r ?invr_gt0 //.
apply: (fixed_rank_bound U V F beta ha hb) => U' V'; apply: tail_rows.
- exact: removes_columns_projector.
- exact: removes_rows_projector.
- by move=> x; apply: residual_le sym eq hE.
Qed.

Theorem ky_fan_columns m n r k q p (col row : bool) (C : 'M[R]_(m, n)) (K : 'M[R]_(n, q))
  (E : 'M_n) (L : 'M_(n, p)) shift e (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) a b
  (F : 'M[R]_(m, k)) beta : (~~ col -> a = 0) -> (~~ row -> b = 0) ->
  E^T = E -> shift%:M - (C^T *m C - K *m K^T) = L *m L^T + E -> rows_le E e ->
  (sq (removes_columns m col *m C *m removes_rows n row)
     - (r + k)%:R * Num.max (shift + e) 0 - sq K) / 2
  <= sq (C - (U *m V^T + fitted_by a b F beta)) / 2.
Proof.
move=> ha hb sym eq hE; rewrite ler_pM2r ?invr_gt0 //.
apply: (fixed_rank_bound U V F beta ha hb) => U' V'; apply: tail_columns.
- exact: removes_columns_projector.
- exact: removes_rows_projector.
- by move=> x; apply: residual_le sym eq hE.
Qed.

(* `blocks`: disjoint blocks of observed entries.  seen: the entries of each block, in the m n
   entries of the matrix; the loss is the sum of w/2 (y - z)^2 over the observed ones. *)
Section Blocks.
Variables (m n B : nat) (rows cols : 'I_B -> nat).
Variables (row_of : forall t, 'I_(rows t) -> 'I_m) (col_of : forall t, 'I_(cols t) -> 'I_n).
Variables (observed : 'I_m -> 'I_n -> bool) (w : 'I_m -> 'I_n -> R).

Definition block t (A : 'M[R]_(m, n)) : 'M[R]_(rows t, cols t) :=
  \matrix_(i, j) A (row_of i) (col_of j).

(* a part of a matrix of rank <= r is one *)
Lemma block_product t r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  block t (U *m V^T)
  = (\matrix_(i, j) U (@row_of t i) j) *m (\matrix_(i, j) V (@col_of t i) j)^T.
Proof.
by apply/matrixP => i j; rewrite !mxE; apply: eq_bigr => l _; rewrite !mxE.
Qed.

Hypothesis w0 : forall i j, 0 <= w i j.
Hypothesis seen : forall t i j, observed (@row_of t i) (@col_of t j).
Hypothesis apart : forall (e e' : {t : 'I_B & 'I_(rows t) * 'I_(cols t)}%type),
  (row_of (projT2 e).1, col_of (projT2 e).2) = (row_of (projT2 e').1, col_of (projT2 e').2) ->
  e = e'.

Theorem blocks_le (A : 'M[R]_(m, n)) (least low : 'I_B -> R) :
  (forall t i j, least t <= w (@row_of t i) (@col_of t j)) -> (forall t, 0 <= least t) ->
  (forall t, low t <= sq (block t A)) ->
  \sum_t least t * low t / 2
  <= \sum_i \sum_j if observed i j then w i j / 2 * A i j ^+ 2 else 0.
Proof.
move=> hw l0 hlow; set F := fun ij : 'I_m * 'I_n =>
  if observed ij.1 ij.2 then w ij.1 ij.2 / 2 * A ij.1 ij.2 ^+ 2 else 0.
have F0 ij : 0 <= F ij.
  by rewrite /F; case: ifP => // _; rewrite mulr_ge0 ?sqr_ge0 ?divr_ge0.
rewrite pair_big /= (eq_bigr F) //.
pose place (e : {t : 'I_B & 'I_(rows t) * 'I_(cols t)}%type) :=
  (row_of (projT2 e).1, col_of (projT2 e).2).
apply: (@le_trans _ _ (\sum_t \sum_(ij : 'I_(rows t) * 'I_(cols t))
    F (@row_of t ij.1, @col_of t ij.2))).
  apply: ler_sum => t _; apply: (@le_trans _ _ (least t * sq (block t A) / 2)).
    by rewrite ler_wpM2r ?invr_ge0 // ler_wpM2l.
  rewrite /sq /dot pair_big /= mulrAC mulr_sumr; apply: ler_sum => - [i j] _ /=.
  rewrite /F /= seen !mxE -expr2 ler_wpM2r ?sqr_ge0 //.
  by rewrite ler_wpM2r ?invr_ge0.
rewrite sig_big_dep /= (partition_big place predT) //=; apply: ler_sum => x _.
have [e /eqP <-|none] := pickP (fun e => place e == x); last by rewrite big_pred0.
rewrite (big_pred1 e) => [|e']; first by case: e.
by apply/eqP/eqP => [/apart|->].
Qed.

(* `blocks`, all of it: on every block C_t = Y_t - mu_t for its own mu_t, what is fitted there is
   again of rank r and means, and low t is what `tail` proves of C_t (or 0). *)
Theorem blocks_bound r k (col row : bool) (Y : 'M[R]_(m, n)) (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r))
  a b (F : 'M[R]_(m, k)) beta (mua : forall t, 'rV[R]_(cols t)) (mub : forall t, 'cV[R]_(rows t))
  (least low : 'I_B -> R) :
  (~~ col -> a = 0) -> (~~ row -> b = 0) ->
  (forall t, ~~ col -> mua t = 0) -> (forall t, ~~ row -> mub t = 0) ->
  (forall t i j, least t <= w (@row_of t i) (@col_of t j)) -> (forall t, 0 <= least t) ->
  (forall t (U' : 'M[R]_(rows t, r + k)) (V' : 'M[R]_(cols t, r + k)),
    let C := block t Y - ((const_mx 1 : 'cV_(rows t)) *m mua t + mub t *m (const_mx 1 : 'rV_(cols t))) in
    low t <= sq (removes_columns (rows t) col *m (C - U' *m V'^T) *m removes_rows (cols t) row)) ->
  \sum_t least t * low t / 2
  <= \sum_i \sum_j if observed i j
       then w i j / 2 * (Y i j - (U *m V^T + fitted_by a b F beta) i j) ^+ 2 else 0.
Proof.
move=> ha hb hma hmb hw l0 hlow; pose A := Y - (U *m V^T + fitted_by a b F beta).
have -> : \sum_i \sum_j (if observed i j
       then w i j / 2 * (Y i j - (U *m V^T + fitted_by a b F beta) i j) ^+ 2 else 0)
    = \sum_i \sum_j if observed i j then w i j / 2 * A i j ^+ 2 else 0.
  by apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite [A i j]mxE [(- _ : 'M_(m, n)) i j]mxE.
apply: blocks_le hw l0 _ => t.
pose Ut : 'M[R]_(rows t, r) := \matrix_(i, j) U (@row_of t i) j.
pose Vt : 'M[R]_(cols t, r) := \matrix_(i, j) V (@col_of t i) j.
pose at_ : 'rV[R]_(cols t) := \row_j a 0 (@col_of t j).
pose bt : 'cV[R]_(rows t) := \col_i b (@row_of t i) 0.
pose Ft : 'M[R]_(rows t, k) := \matrix_(i, l) F (@row_of t i) l.
pose betat : 'M[R]_(k, cols t) := \matrix_(l, j) beta l (@col_of t j).
pose C := block t Y - ((const_mx 1 : 'cV_(rows t)) *m mua t + mub t *m (const_mx 1 : 'rV_(cols t))).
have -> : block t A
  = C - (Ut *m Vt^T + fitted_by (at_ - mua t) (bt - mub t) Ft betat).
  apply/matrixP => i j; rewrite !mxE !big_ord1 !mxE.
  under [X in X + (_ + _)]eq_bigr do rewrite !mxE.
  rewrite (eq_bigr (fun l => Ut i l * Vt^T l j)); last by move=> l _; rewrite !mxE.
  rewrite [\sum_j0 F _ _ * _](eq_bigr (fun l => Ft i l * betat l j)); last by move=> l _; rewrite !mxE.
  by ring.
apply: (fixed_rank_bound (col := col) (row := row)); last exact: hlow.
- by move=> nc; rewrite hma // subr0; apply/rowP => j; rewrite mxE ha // !mxE.
- by move=> nr; rewrite hmb // subr0; apply/colP => i; rewrite mxE hb // !mxE.
Qed.

End Blocks.

End Projectors.
