(* Rank-deficient minima: f(U, V) = loss(U V^T) + lam/2 (|U|^2 + |V|^2) where the columns of (U; V) are
   dependent.  A local minimum there, or a stationary point of second order, is global.  Only the
   curvature along (U + t a q^T, V + t b q^T), U q = V q = 0, and along (U, V) itself is used. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality LocalMinima.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* what stays above its value at 0 up to o(t) has slope >= 0 on the right *)
Lemma slope_above (R : realFieldType) (g : R -> R) s :
  (forall e, 0 < e -> exists2 d, 0 < d & forall t, 0 <= t -> t < d -> g 0 - e * t <= g t) ->
  derivative g s -> 0 <= s.
Proof.
move=> above der; rewrite leNgt; apply/negP => neg.
have e0 : 0 < - s / 4 by rewrite divr_gt0 ?oppr_gt0.
have [d d0 small] := der _ e0; have [c c0 up] := above _ e0.
pose m := Num.min d c; pose t := m / 2.
have m0 : 0 < m by rewrite lt_min d0.
have t0 : 0 < t by rewrite divr_gt0.
have : t < m by rewrite /t; lra.
rewrite lt_min => /andP[td tc].
have := small t; rewrite gtr0_norm // => /(_ td); rewrite ler_norml => /andP[_].
by have := up t (ltW t0) tc; nra.
Qed.

(* a product, and a squared norm, column by column *)
Lemma mul_columns (R : realFieldType) m n s (U : 'M[R]_(m, s)) (V : 'M[R]_(n, s)) :
  U *m V^T = \sum_i col i U *m (col i V)^T.
Proof.
apply/matrixP => i j; rewrite summxE mxE; apply: eq_bigr => k _.
by rewrite !mxE big_ord1 !mxE.
Qed.

Lemma sq_columns (R : realFieldType) m s (U : 'M[R]_(m, s)) : sq U = \sum_i sq (col i U).
Proof.
rewrite /sq /dot exchange_big /=; apply: eq_bigr => i _; apply: eq_bigr => j _.
by rewrite big_ord1 !mxE.
Qed.

Section RankDeficient.
Variables (R : rcfType) (m n : nat) (l : 'M[R]_(m, n) -> R) (lam : R).

Definition ridge_objective r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :=
  l (U *m V^T) + lam / 2 * (sq U + sq V).

Local Notation f := ridge_objective.

(* of second order: along every line f stays above its value up to o(t^2).  So do local minima, and
   stationary points whose Hessian is positive semidefinite. *)
Definition second_order r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) := forall D E e, 0 < e ->
  exists2 d, 0 < d & forall t, `|t| < d -> f U V - e * t ^+ 2 <= f (U + t *: D) (V + t *: E).

Definition local_minimum2 r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) := exists2 e, 0 < e &
  forall U' V', sq (U' - U) + sq (V' - V) < e -> f U V <= f U' V'.

Lemma second_order_of_minimum r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  local_minimum2 U V -> second_order U V.
Proof.
move=> [c c0 min] D E e e0; pose s := 1 + sq D + sq E.
have s0 : 0 < s by rewrite /s -addrA ltr_wpDr // addr_ge0 ?sq_ge0.
exists (Num.min 1 (c / s)) => [|t]; first by rewrite lt_min ltr01 divr_gt0.
rewrite lt_min => /andP[t1 tc].
have near : sq (U + t *: D - U) + sq (V + t *: E - V) < c.
  rewrite ![_ + t *: _ - _]addrAC !subrr !add0r !sqZ -mulrDr.
  move: tc; rewrite ltr_pdivlMr // => tc.
  have a : t ^+ 2 <= `|t| by rewrite -normr_id -real_normK ?num_real // expr2 normr_id ler_piMl // ltW.
  have b : `|t| * (sq D + sq E) <= `|t| * s by rewrite ler_wpM2l // /s; have := @ltr01 R; lra.
  have c' : t ^+ 2 * (sq D + sq E) <= `|t| * (sq D + sq E) by rewrite ler_wpM2r // addr_ge0 ?sq_ge0.
  by apply: le_lt_trans c' _; apply: le_lt_trans b tc.
have := min _ _ near; have := mulr_ge0 (ltW e0) (sqr_ge0 t); lra.
Qed.

(* a second-order expansion along a line, of slope 0 and curvature h >= 0, is enough *)
Lemma second_order_of_hessian r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r))
  (h : 'M[R]_(m, r) -> 'M[R]_(n, r) -> R) : (forall D E, 0 <= h D E) ->
  (forall D E e, 0 < e -> exists2 d, 0 < d & forall t, `|t| < d ->
     `|f (U + t *: D) (V + t *: E) - f U V - t ^+ 2 * h D E| <= e * t ^+ 2) ->
  second_order U V.
Proof.
move=> psd taylor D E e e0; have [d d0 near] := taylor D E e e0; exists d => // t td.
have := near t td; rewrite ler_norml => /andP[low _].
by have := mulr_ge0 (sqr_ge0 t) (psd D E); lra.
Qed.

Variables (r : nat) (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) (W : 'M[R]_(m, n)).
Let Z := U *m V^T.

(* W = - grad loss at Z, the loss convex: -W is a subgradient *)
Hypothesis gradient : forall D, derivative (fun t => l (Z + t *: D)) (- dot W D).
Hypothesis convex : forall Z', l Z - dot W (Z' - Z) <= l Z'.
Hypothesis stationary : second_order U V.

(* <W, Z> = lam/2 (|U|^2 + |V|^2): scaling U and V together *)
Lemma balance : dot W Z = lam / 2 * (sq U + sq V).
Proof.
pose p := lam / 2 * (sq U + sq V).
have value t : f (U + t *: U) (V + t *: V) = l (Z + (2 * t + t ^+ 2) *: Z) + (1 + t) ^+ 2 * p.
  have eU : U + t *: U = (1 + t) *: U by rewrite scalerDl scale1r.
  have eV : V + t *: V = (1 + t) *: V by rewrite scalerDl scale1r.
  rewrite /ridge_objective eU eV !sqZ linearZ /= -scalemxAl -scalemxAr scalerA -/Z /p.
  have -> : (1 + t) * (1 + t) *: Z = Z + (2 * t + t ^+ 2) *: Z.
    by rewrite -[X in _ = X + _]scale1r -scalerDl; congr (_ *: _); ring.
  by congr (_ + _); ring.
(* tau = 2 t + t^2 runs through a neighborhood of 0 *)
have slope : forall sg : R, sg ^+ 2 = 1 -> 0 <= sg * (- dot W Z + p).
  move=> sg sg1.
  have der : derivative (fun t => l (Z + t *: (sg *: Z)) + t * (sg * p)) (sg * (- dot W Z + p)).
    have -> : sg * (- dot W Z + p) = - dot W (sg *: Z) + sg * p by rewrite dotZr; ring.
    by apply: derivativeD (gradient _) (derivative_line _).
  apply: slope_above der => e e0; have [d d0 near] := stationary U V e0.
  exists (Num.min (d / 2) (1 / 2)) => [|u u0]; first by rewrite lt_min !divr_gt0.
  rewrite lt_min => /andP[ud u2]; pose v := sg * u.
  have v2 : v ^+ 2 = u ^+ 2 by rewrite exprMn sg1 mul1r.
  have [vlo vhi] : - u <= v /\ v <= u.
    have : (v - u) * (v + u) = 0 by rewrite -subr_sqr v2 subrr.
    by move/eqP; rewrite mulf_eq0 => /orP[]; rewrite ?subr_eq0 ?addr_eq0 => /eqP ->; split; lra.
  have pos : 0 <= 1 + v by lra.
  pose t := Num.sqrt (1 + v) - 1.
  have st : (1 + t) ^+ 2 = 1 + v by rewrite /t addrC subrK sqr_sqrtr.
  have t1 : 0 <= 1 + t by rewrite /t addrC subrK sqrtr_ge0.
  have tau : 2 * t + t ^+ 2 = v by have -> : v = (1 + t) ^+ 2 - 1 by [rewrite st; ring]; ring.
  have small : t ^+ 2 <= u ^+ 2.
    have : t ^+ 2 <= v ^+ 2.
      have -> : v = t * (2 + t) by rewrite -tau; ring.
      rewrite exprMn ler_peMr ?sqr_ge0 // -[1](expr1n _ 2) ler_sqr ?nnegrE //; lra.
    by rewrite v2.
  have td : `|t| < d.
    apply: le_lt_trans (_ : _ <= u) _; last by lra.
    by rewrite -ler_sqr ?nnegrE ?normr_ge0 // real_normK ?num_real.
  have := near t td; rewrite value tau st /ridge_objective -/Z -/p scale0r addr0 mul0r addr0.
  have -> : u *: (sg *: Z) = v *: Z by rewrite scalerA mulrC.
  have e2 : e * t ^+ 2 <= e * u.
    rewrite ler_pM2l //; apply: le_trans small _; rewrite expr2 ler_piMl //; lra.
  have -> : u * (sg * p) = v * p by rewrite /v; ring.
  by rewrite mulrDl mul1r; lra.
have a := slope 1 (expr1n _ _); have b := slope (- 1) (etrans (sqrrN 1) (expr1n _ _)).
by rewrite -/p; lra.
Qed.

Variable q : 'cV[R]_r.
Hypotheses (q_neq0 : q != 0) (Uq : U *m q = 0) (Vq : V *m q = 0).

Lemma sq_q : 0 < sq q.
Proof. by rewrite lt_def sq_ge0 andbT; apply: contra q_neq0 => /eqP h; rewrite (sq_eq0 h). Qed.

(* Z moves by t^2 |q|^2 a b^T, the price by t^2 |q|^2 (|a|^2 + |b|^2) / 2 *)
Lemma curve (a : 'cV[R]_m) (b : 'cV[R]_n) t : f (U + t *: (a *m q^T)) (V + t *: (b *m q^T))
  = l (Z + (t ^+ 2 * sq q) *: (a *m b^T)) + lam / 2 * (sq U + sq V + t ^+ 2 * sq q * (sq a + sq b)).
Proof.
have qq : q^T *m q = (sq q)%:M by rewrite [q^T *m q]mx11_scalar dot_mx11.
have UqT : U *m (b *m q^T)^T = 0 by rewrite trmx_mul trmxK mulmxA Uq mul0mx.
have qVT : a *m q^T *m V^T = 0 by rewrite -mulmxA -trmx_mul Vq trmx0 mulmx0.
have cross : a *m q^T *m (b *m q^T)^T = sq q *: (a *m b^T).
  by rewrite trmx_mul trmxK mulmxA -(mulmxA a) qq mul_mx_scalar -scalemxAl.
have orthU : dot U (a *m q^T) = 0 by rewrite dot_outer Uq dot0r.
have orthV : dot V (b *m q^T) = 0 by rewrite dot_outer Vq dot0r.
rewrite /ridge_objective !sqD !sqZ !dotZr orthU orthV !mulr0 !addr0 !sq_outer.
have -> : (U + t *: (a *m q^T)) *m (V + t *: (b *m q^T))^T = Z + (t ^+ 2 * sq q) *: (a *m b^T).
  rewrite linearD /= linearZ /= mulmxDl !mulmxDr -!scalemxAr -!scalemxAl UqT qVT cross.
  by rewrite !scaler0 addr0 add0r !scalerA -expr2.
by congr (_ + _); ring.
Qed.

(* <W, a b^T> <= lam/2 (|a|^2 + |b|^2) *)
Lemma curvature (a : 'cV[R]_m) (b : 'cV[R]_n) : dot a (W *m b) <= lam / 2 * (sq a + sq b).
Proof.
have der : derivative (fun t => l (Z + t *: (a *m b^T)) + t * (lam / 2 * (sq a + sq b)))
    (- dot W (a *m b^T) + lam / 2 * (sq a + sq b)).
  exact: derivativeD (gradient _) (derivative_line _).
suff : 0 <= - dot W (a *m b^T) + lam / 2 * (sq a + sq b) by rewrite dot_outer; lra.
apply: slope_above der => e e0; have s0 := sq_q.
have e1 : 0 < e * sq q by rewrite mulr_gt0.
have [d d0 near] := stationary (a *m q^T) (b *m q^T) e1.
exists (d ^+ 2 * sq q) => [|u u0 ud]; first by rewrite mulr_gt0 ?exprn_gt0.
pose t := Num.sqrt (u / sq q).
have tt : t ^+ 2 = u / sq q by rewrite sqr_sqrtr // divr_ge0 // ltW.
have td : `|t| < d.
  rewrite ger0_norm ?sqrtr_ge0 // -ltr_sqr ?nnegrE ?sqrtr_ge0 ?(ltW d0) // tt.
  by rewrite ltr_pdivrMr.
have := near t td; rewrite curve tt divfK ?gt_eqF // /ridge_objective -/Z scale0r addr0 mul0r addr0.
have -> : e * sq q * (u / sq q) = e * u by field; rewrite gt_eqF.
by rewrite !mulrDr; lra.
Qed.

Lemma global s (U' : 'M[R]_(m, s)) (V' : 'M[R]_(n, s)) : f U V <= f U' V'.
Proof.
have := convex (U' *m V'^T); rewrite dotBr /ridge_objective -/Z balance.
suff : dot W (U' *m V'^T) <= lam / 2 * (sq U' + sq V') by lra.
rewrite mul_columns dot_sumr !sq_columns -big_split /= mulr_sumr; apply: ler_sum => i _.
by rewrite dot_outer curvature.
Qed.

End RankDeficient.

(* rank (U^T U + V^T V) < r: some q != 0 has U q = V q = 0 *)
Lemma deficient_kernel (R : realFieldType) m n r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  (\rank (U^T *m U + V^T *m V)%R < r)%N -> exists q : 'cV[R]_r, [/\ q != 0, U *m q = 0 & V *m q = 0].
Proof.
move=> small; pose G : 'M[R]_r := U^T *m U + V^T *m V; have {}small : (\rank G < r)%N := small.
have ker : kermx G != 0 by rewrite -mxrank_eq0 mxrank_ker subn_eq0 -ltnNge; exact: small.
have nz : nz_row (kermx G) != 0 by rewrite nz_row_eq0.
have /sub_kermxP zero_row := nz_row_sub (kermx G).
pose q := (nz_row (kermx G))^T; exists q.
have Gq : q^T *m G *m q = 0 by rewrite /q trmxK zero_row mul0mx.
have sum0 : sq (U *m q) + sq (V *m q) = 0.
  have := congr1 (fun M : 'M[R]_1 => M 0 0) Gq; rewrite -mulmxA dot_mx11 -/(qf G q) [RHS]mxE.
  by rewrite /G qfD !qf_gramT.
have a := sq_ge0 (U *m q); have b := sq_ge0 (V *m q).
split; first by apply: contra nz => /eqP e; rewrite -[nz_row _]trmxK -/q e trmx0.
  by apply: sq_eq0; apply/eqP; rewrite eq_le a andbT; lra.
by apply: sq_eq0; apply/eqP; rewrite eq_le b andbT; lra.
Qed.

(* Rank-deficient minimum: sigma_1(W) <= lam and f(U, V) <= f_s(X') for every size s *)
Theorem rank_deficient_minimum (R : rcfType) m n (l : 'M[R]_(m, n) -> R) (lam : R) r
  (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) (W : 'M[R]_(m, n)) :
  (forall D, derivative (fun t => l (U *m V^T + t *: D)) (- dot W D)) ->
  (forall Z', l (U *m V^T) - dot W (Z' - U *m V^T) <= l Z') ->
  (\rank (U^T *m U + V^T *m V)%R < r)%N ->
  local_minimum2 l lam U V \/ second_order l lam U V ->
  (forall b : 'cV[R]_n, sq (W *m b) <= lam ^+ 2 * sq b)
  /\ forall s (U' : 'M[R]_(m, s)) (V' : 'M[R]_(n, s)),
       ridge_objective l lam U V <= ridge_objective l lam U' V'.
Proof.
move=> grad conv /deficient_kernel [q [nz Uq Vq]] minimal.
have order2 : second_order l lam U V by case: minimal => // /second_order_of_minimum.
have polar := curvature grad order2 nz Uq Vq.
split=> [b | s U' V']; last exact: (global grad conv order2 nz Uq Vq).
have b0 := sq_ge0 b; have w0 := sq_ge0 (W *m b).
have [neg|pos|lam0] := ltgtP lam 0.
- have := polar 0 b; rewrite dot0l sq0 add0r => h.
  have {h} /sq_eq0 -> : sq b = 0 by apply/eqP; rewrite eq_le b0 andbT; nra.
  by rewrite mulmx0 !sq0 mulr0.
- have := polar (W *m b) (lam *: b); rewrite -scalemxAr dotZr sqZ -/(sq (W *m b)) => h.
  have {h} h : lam * (sq (W *m b) - lam ^+ 2 * sq b) <= 0 by lra.
  by rewrite -subr_le0; move: h; rewrite pmulr_rle0.
by have := polar (W *m b) b; rewrite lam0 -/(sq (W *m b)); lra.
Qed.

(* the same over slices (u, v), phi = u v^T, theta = 1/2 (|u|^2 + |v|^2), against sequences of any length *)
Section Slices.
Variables (R : rcfType) (m n : nat) (l : 'M[R]_(m, n) -> R) (lam : R).

Definition pair_phi (x : 'cV[R]_m * 'cV[R]_n) : 'M[R]_(m, n) := x.1 *m x.2^T.

Definition pair_theta (x : 'cV[R]_m * 'cV[R]_n) : R := (sq x.1 + sq x.2) / 2.

Local Notation f := (objective pair_phi pair_theta (fun Z (_ : unit) => l Z) (fun=> 0) lam).

Definition columns s (U : 'M[R]_(m, s)) (V : 'M[R]_(n, s)) (k : 'I_s) := (col k U, col k V).

Lemma objective_columns s (U : 'M[R]_(m, s)) (V : 'M[R]_(n, s)) :
  f (codom (columns U V)) tt = ridge_objective l lam U V.
Proof.
rewrite /objective /ridge_objective fit_family price_family addr0 mul_columns !sq_columns -big_split.
rewrite mulr_sumr; congr (_ + _); rewrite mulr_sumr; apply: eq_bigr => k _.
by rewrite /pair_theta /=; ring.
Qed.

Theorem rank_deficient_slices r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) (W : 'M[R]_(m, n)) :
  (forall D, derivative (fun t => l (U *m V^T + t *: D)) (- dot W D)) ->
  (forall Z', l (U *m V^T) - dot W (Z' - U *m V^T) <= l Z') ->
  (\rank (U^T *m U + V^T *m V)%R < r)%N ->
  local_minimum2 l lam U V \/ second_order l lam U V ->
  forall ys q', f (codom (columns U V)) tt <= f ys q'.
Proof.
move=> grad conv small minimal ys [].
pose U' := \matrix_(i, k) (tnth (in_tuple ys) k).1 i 0 : 'M[R]_(m, size ys).
pose V' := \matrix_(i, k) (tnth (in_tuple ys) k).2 i 0 : 'M[R]_(n, size ys).
have e k : columns U' V' k = tnth (in_tuple ys) k.
  by rewrite [RHS]surjective_pairing; congr pair; apply/colP => i; rewrite !mxE.
have -> : ys = codom (columns U' V').
  by rewrite (eq_codom e) codomE map_tnth_enum.
have [_ least] := rank_deficient_minimum grad conv small minimal.
by rewrite !objective_columns.
Qed.

End Slices.
