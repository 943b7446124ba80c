(* The theorem about matrices: what a dual point W proves of a squared loss with l2 x l2. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base.
From Checker Require Import Statement.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Rule.
Variable R : rcfType.

Lemma norm_sqr k (u : 'cV[R]_k) : norm u ^+ 2 = sq u.
Proof. by rewrite sq_col sqr_sqrtr //; apply: sumr_ge0 => i _; apply: sqr_ge0. Qed.

Lemma norm_ge0 k (u : 'cV[R]_k) : 0 <= norm u. Proof. exact: sqrtr_ge0. Qed.

Lemma theta_ge f k l (u : 'cV[R]_k) (v : 'cV[R]_l) : norm u * norm v <= theta f u v.
Proof.
case: f => //=; have := sqr_ge0 (norm u - norm v).
by move: (norm u) (norm v) => a b; lra.
Qed.

Lemma theta_ge0 f k l (u : 'cV[R]_k) (v : 'cV[R]_l) : 0 <= theta f u v.
Proof. by apply: le_trans (theta_ge f u v); rewrite mulr_ge0 ?norm_ge0. Qed.

Lemma sq_cols k r (A : 'M[R]_(k, r)) : sq A = \sum_j sq (col j A).
Proof.
rewrite /sq /dot exchange_big /=; apply: eq_bigr => j _; apply: eq_bigr => i _.
by rewrite big_ord1 !mxE.
Qed.

Lemma mul_cols m n r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  U *m V^T = \sum_j col j U *m (col j V)^T.
Proof.
apply/matrixP => i k; rewrite mxE summxE; apply: eq_bigr => j _.
by rewrite !mxE big_ord1 !mxE.
Qed.

(* sum theta of the sum form, over all columns *)
Lemma theta_sum m n r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  \sum_k theta Sum (col k U) (col k V) = (sq U + sq V) / 2.
Proof.
rewrite !sq_cols -big_split mulr_suml; apply: eq_bigr => k _.
by rewrite /theta !norm_sqr.
Qed.

Variable q : question R.
Let m := m q. Let n := n q.
Hypothesis C0 : forall i j, 0 <= C q i j.
Hypothesis l0 : 0 <= lam q.

(* no objective is negative *)
Lemma objective_ge0 r (U : 'M_(m, r)) (V : 'M_(n, r)) : 0 <= objective U V.
Proof.
apply: addr_ge0; last by rewrite mulr_ge0 // sumr_ge0 // => k _; apply: theta_ge0.
apply: sumr_ge0 => i _; apply: sumr_ge0 => j _.
by rewrite mulr_ge0 ?sqr_ge0 // divr_ge0.
Qed.

(* X X^T <= t I for X = W or X = W^T bounds u^T W v *)
Lemma polar_rows (W : 'M[R]_(m, n)) t (u : 'cV_m) (v : 'cV_n) :
  (forall z, qf (W *m W^T) z <= t * sq z) -> dot u (W *m v) ^+ 2 <= t * (sq u * sq v).
Proof.
move=> h; rewrite dotC dot_mull; apply: le_trans (cauchy_schwarz _ _) _.
by rewrite mulrA mulrC ler_wpM2r ?sq_ge0 // -qf_gram.
Qed.

Lemma polar_columns (W : 'M[R]_(m, n)) t (u : 'cV_m) (v : 'cV_n) :
  (forall z, qf (W^T *m W^T^T) z <= t * sq z) -> dot u (W *m v) ^+ 2 <= t * (sq u * sq v).
Proof.
move=> h; apply: le_trans (cauchy_schwarz _ _) _.
by rewrite mulrCA ler_wpM2l ?sq_ge0 // -qf_gramT -{2}(trmxK W).
Qed.

(* c/2 (z - y)^2 + x z >= x y - x^2 / (2 c) *)
Lemma entry (c z y x : R) : 0 < c \/ c = 0 /\ x = 0 ->
  x * y - x ^+ 2 / c / 2 <= c / 2 * (z - y) ^+ 2 + x * z.
Proof.
case=> [c0|[-> ->]]; last by rewrite !mul0r expr0n !mul0r subrr addr0.
have e : c * (x ^+ 2 / c) = x ^+ 2 by rewrite mulrC divfK // gt_eqF.
have h : 0 <= (c * (z - y) + x) ^+ 2 / c by rewrite divr_ge0 ?sqr_ge0 ?ltW.
have : (c * (z - y) + x) ^+ 2 / c = c * (z - y) ^+ 2 + 2 * x * (z - y) + x ^+ 2 / c.
  by field; rewrite gt_eqF.
by move: h; move: (_ / c) (x ^+ 2 / c) => a b; lra.
Qed.

Definition over (W : 'M[R]_(m, n)) : R := \sum_i \sum_j W i j ^+ 2 / C q i j.

Theorem weak_duality (W : 'M[R]_(m, n)) t s :
  (forall (u : 'cV_m) (v : 'cV_n), dot u (W *m v) ^+ 2 <= t * (sq u * sq v)) -> 0 <= s -> s ^+ 2 * t <= lam q ^+ 2 ->
  (forall i j, 0 < C q i j \/ C q i j = 0 /\ W i j = 0) ->
  forall r (U : 'M_(m, r)) (V : 'M_(n, r)),
  s * dot W (Y q) - s ^+ 2 * over W / 2 <= objective U V.
Proof.
move=> ht s0 st hC r U V; rewrite /objective; set Z := U *m V^T.
have hW : s * dot W Z <= lam q * \sum_k theta (form q) (col k U) (col k V).
  rewrite /Z mul_cols dot_sumr !mulr_sumr; apply: ler_sum => k _.
  apply: le_trans (ler_wpM2l l0 (theta_ge _ _ _)); rewrite dot_outer.
  have r0 : 0 <= lam q * (norm (col k U) * norm (col k V)) by rewrite !mulr_ge0 ?norm_ge0.
  have [neg|pos] := leP (s * dot (col k U) (W *m col k V)) 0; first exact: le_trans neg r0.
  rewrite -ler_sqr ?nnegrE ?(ltW pos) // !exprMn !norm_sqr.
  apply: le_trans (ler_wpM2l (sqr_ge0 s) (ht _ _)) _.
  rewrite [s ^+ 2 * (t * _)]mulrA; apply: ler_wpM2r st; by rewrite mulr_ge0 ?sq_ge0.
have hL : s * dot W (Y q) - s ^+ 2 * over W / 2 <=
    \sum_i \sum_j C q i j / 2 * (Z i j - Y q i j) ^+ 2 + s * dot W Z.
  rewrite /over /dot !mulr_sumr mulr_suml -sumrB -big_split; apply: ler_sum => i _.
  rewrite !mulr_sumr mulr_suml -sumrB -big_split; apply: ler_sum => j _ /=.
  have hc : 0 < C q i j \/ C q i j = 0 /\ s * W i j = 0.
    by case: (hC i j) => [|[-> ->]]; [left|right; rewrite mulr0].
  by have := entry (Z i j) (Y q i j) hc; rewrite exprMn -!mulrA.
by lra.
Qed.

End Rule.
