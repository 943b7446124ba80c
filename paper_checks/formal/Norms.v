(* The norms of a factor's column, its cone of signs, and what the kernel knows of them:
   dual norms (`met`, `dual_norm`), costs of diagonal forms (`diagonal_cost`, `widest`).

   The kernel rounds each root up and compares in exact rationals, so its P is any number with
   the stated P >= 0 and P^2 >= ...: that is how the theorems are put. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* CONES: "*", "+", "-", "0" of one coordinate *)
Inductive sign := Free | Pos | Neg | Zero.

Section Cones.
Variable R : realFieldType.
Implicit Types (s : sign) (x y a : R).

Definition allows s x := match s with
  Free => true | Pos => 0 <= x | Neg => x <= 0 | Zero => x == 0 end.

Definition in_cone n (c : 'I_n -> sign) (x : 'cV[R]_n) := forall i, allows (c i) (x i 0).

(* |y|, or the part of it that a number of this sign can meet *)
Definition met s y := match s with
  Free => `|y| | Pos => Num.max y 0 | Neg => Num.max (- y) 0 | Zero => 0 end.

Lemma met_ge0 s y : 0 <= met s y.
Proof. by case: s => //=; rewrite le_max lexx orbT. Qed.

Lemma met_le s y : met s y <= `|y|.
Proof.
by case: s => //=; rewrite ge_max normr_ge0 andbT ?ler_norm // -normrN ler_norm.
Qed.

(* a cone "-" is a cone "+" for -W: how `lines` and `Arithmetic.lines` treat it *)
Lemma met_neg y : met Neg y = met Pos (- y).
Proof. by []. Qed.

Lemma le_met s x y : allows s x -> y * x <= met s y * `|x|.
Proof.
case: s => /= [_|x0|x0|/eqP ->]; last by rewrite mulr0 mul0r.
- by rewrite -normrM ler_norm.
- by rewrite ger0_norm // ler_wpM2r // le_max lexx.
- by rewrite ler0_norm // -mulrNN ler_wpM2r ?oppr_ge0 // le_max lexx.
Qed.

Lemma dot_met n (c : 'I_n -> sign) (y x : 'cV[R]_n) : in_cone c x ->
  dot y x <= \sum_i met (c i) (y i 0) * `|x i 0|.
Proof. by move=> cx; rewrite dot_col; apply: ler_sum => i _; apply: le_met. Qed.

(* `meets`: x u v >= 0 for all u and v of these signs *)
Definition meets x s1 s2 := match s1, s2 with
  | Zero, _ | _, Zero => true
  | Free, _ | _, Free => x == 0
  | Pos, Pos | Neg, Neg => 0 <= x
  | _, _ => x <= 0 end.

Lemma meets_ge0 x s1 s2 u v : meets x s1 s2 -> allows s1 u -> allows s2 v -> 0 <= x * (u * v).
Proof.
case: s1; case: s2 => /=; try (by move=> _ /eqP -> _; rewrite mul0r mulr0);
  try (by move=> _ _ /eqP ->; rewrite !mulr0); try (by move=> /eqP ->; rewrite mul0r); move=> hx hu hv.
- by rewrite !mulr_ge0.
- by rewrite mulr_le0 // mulr_ge0_le0.
- by rewrite mulr_le0 // mulr_le0_ge0.
- by rewrite mulr_ge0 // mulr_le0.
Qed.

Lemma in_coneZ n (c : 'I_n -> sign) a (x : 'cV[R]_n) : 0 <= a -> in_cone c x -> in_cone c (a *: x).
Proof.
move=> a0 cx i; have := cx i; rewrite mxE; case: (c i) => //=; nra.
Qed.

End Cones.

Section Norms.
Variable R : rcfType.
Implicit Types (a t rho P : R).
Section OfColumns.
Variable n : nat.
Implicit Types (x y : 'cV[R]_n) (c : 'I_n -> sign).

Definition linf x : R := \big[Num.max/0]_i `|x i 0|.

Definition weighted (w : 'I_n -> R) x := Num.sqrt (\sum_i w i * x i 0 ^+ 2).

Definition elastic a x := a * l1 x + (1 - a) * l2 x.

(* |x_g|_2 of one group *)
Definition group_l2 k (g : 'I_n -> 'I_k) j x := Num.sqrt (\sum_(i | g i == j) x i 0 ^+ 2).

Definition group_sum k (g : 'I_n -> 'I_k) x := \sum_j group_l2 g j x.

Definition group_max k (g : 'I_n -> 'I_k) x : R := \big[Num.max/0]_j group_l2 g j x.

(* B x: the differences along the edges *)
Definition variation k rho (B : 'M[R]_(k, n)) x := rho * l1 (B *m x) + l2 x.

Definition differences k (E : 'I_k -> 'I_n * 'I_n) : 'M[R]_(k, n) :=
  \matrix_(e, i) ((i == (E e).1)%:R - (i == (E e).2)%:R).

Lemma differencesE k (E : 'I_k -> 'I_n * 'I_n) x e :
  (differences E *m x) e 0 = x (E e).1 0 - x (E e).2 0.
Proof.
rewrite mxE; under eq_bigr do rewrite mxE mulrBl.
rewrite sumrB (bigD1 (E e).1) //= [X in _ - X](bigD1 (E e).2) //= !eqxx !mul1r.
by rewrite !big1 ?addr0 // => i /negPf ->; rewrite mul0r.
Qed.

Lemma le_linf x i : `|x i 0| <= linf x.
Proof. exact: le_bigmax. Qed.

Lemma linf_ge0 x : 0 <= linf x.
Proof. by rewrite /linf; elim/big_ind: _ => // a b a0 b0; rewrite le_max a0. Qed.

Lemma linf_lub x P : 0 <= P -> (forall i, `|x i 0| <= P) -> linf x <= P.
Proof. by move=> P0 h; rewrite /linf; elim/big_ind: _ => // a b; rewrite ge_max => -> ->. Qed.

Lemma weighted_sqr w x : (forall i, 0 <= w i) -> weighted w x ^+ 2 = \sum_i w i * x i 0 ^+ 2.
Proof.
by move=> w0; rewrite sqr_sqrtr // sumr_ge0 // => i _; rewrite mulr_ge0 ?sqr_ge0.
Qed.

Lemma group_l2_ge0 k (g : 'I_n -> 'I_k) j x : 0 <= group_l2 g j x.
Proof. exact: sqrtr_ge0. Qed.

Lemma group_l2_sqr k (g : 'I_n -> 'I_k) j x :
  group_l2 g j x ^+ 2 = \sum_(i | g i == j) x i 0 ^+ 2.
Proof. by rewrite sqr_sqrtr // sumr_ge0 // => i _; rewrite sqr_ge0. Qed.

Lemma sq_groups k (g : 'I_n -> 'I_k) x : sq x = \sum_j group_l2 g j x ^+ 2.
Proof.
rewrite sq_col (partition_big g predT) //=.
by apply: eq_bigr => j _; rewrite group_l2_sqr.
Qed.

Lemma le_group_max k (g : 'I_n -> 'I_k) j x : group_l2 g j x <= group_max g x.
Proof. exact: le_bigmax. Qed.

Lemma group_max_ge0 k (g : 'I_n -> 'I_k) x : 0 <= group_max g x.
Proof.
rewrite /group_max; elim/big_ind: _ => // [a b a0 _|j _]; first by rewrite le_max a0.
exact: group_l2_ge0.
Qed.

Lemma sum_sqr_le (I : finType) (F : I -> R) : (forall i, 0 <= F i) ->
  \sum_i F i ^+ 2 <= (\sum_i F i) ^+ 2.
Proof.
move=> F0; rewrite [X in _ <= X]expr2 mulr_suml; apply: ler_sum => i _.
rewrite expr2 ler_wpM2l // (bigD1 i) //= lerDl sumr_ge0 // => j _; exact: F0.
Qed.

(* l2 is below l1, elastic, a sum of groups and variation *)
Lemma l2_le_l1 x : l2 x <= l1 x.
Proof.
rewrite l2_le ?l1_ge0 // sq_col.
under eq_bigr do rewrite -real_normK ?num_real //.
exact: sum_sqr_le.
Qed.

Lemma l2_le_elastic a x : 0 <= a <= 1 -> l2 x <= elastic a x.
Proof. by move=> /andP[a0 a1]; have := l2_le_l1 x; rewrite /elastic; nra. Qed.

Lemma l2_le_group_sum k (g : 'I_n -> 'I_k) x : l2 x <= group_sum g x.
Proof.
have s0 : 0 <= group_sum g x by rewrite sumr_ge0 // => j _; rewrite group_l2_ge0.
by rewrite l2_le // (sq_groups g) sum_sqr_le // => j; rewrite group_l2_ge0.
Qed.

Lemma l2_le_variation k rho (B : 'M[R]_(k, n)) x : 0 <= rho -> l2 x <= variation rho B x.
Proof. by move=> r0; rewrite lerDr mulr_ge0 ?l1_ge0. Qed.

(* The dual norm on a cone: sup { <y, x> : |x| <= 1, x in the cone } <= P *)
Definition dual_le (N : 'cV[R]_n -> R) c y P := forall x, in_cone c x -> dot y x <= P * N x.

(* `dual_norm`, one theorem a norm; p_i = met (c i) (y i 0). *)
Theorem dual_l1 c y P : (forall i, met (c i) (y i 0) <= P) -> dual_le (@l1 R n) c y P.
Proof.
move=> h x cx; apply: le_trans (dot_met y cx) _.
by rewrite mulr_sumr; apply: ler_sum => i _; apply: ler_wpM2r.
Qed.

Theorem dual_linf c y P : \sum_i met (c i) (y i 0) <= P -> dual_le linf c y P.
Proof.
move=> h x cx; apply: le_trans (dot_met y cx) _.
apply: le_trans (ler_wpM2r (linf_ge0 x) h); rewrite mulr_suml.
by apply: ler_sum => i _; apply: ler_wpM2l; rewrite ?met_ge0 ?le_linf.
Qed.

(* sums of products, on a part of the coordinates *)
Lemma schwarz_sum (I : finType) (A : pred I) (F G : I -> R) (a b : R) :
  0 <= a -> 0 <= b -> \sum_(i | A i) F i ^+ 2 <= a ^+ 2 -> \sum_(i | A i) G i ^+ 2 <= b ^+ 2 ->
  \sum_(i | A i) F i * G i <= a * b.
Proof.
move=> a0 b0 hF hG.
have [/eqP a00|a1] := boolP (a == 0).
  have z i : A i -> F i = 0.
    move=> Ai; have := hF; rewrite a00 expr0n /= => hF0.
    have e : \sum_(i | A i) F i ^+ 2 = 0.
      by apply/eqP; rewrite eq_le hF0 sumr_ge0 // => j _; rewrite sqr_ge0.
    by have /(_ _ Ai) /eqP := psumr_eq0P (fun j _ => sqr_ge0 (F j)) e; rewrite sqrf_eq0 => /eqP.
  by rewrite a00 mul0r big1 // => i Ai; rewrite z ?mul0r.
have [/eqP b00|b1] := boolP (b == 0).
  have z i : A i -> G i = 0.
    move=> Ai; have := hG; rewrite b00 expr0n /= => hG0.
    have e : \sum_(i | A i) G i ^+ 2 = 0.
      by apply/eqP; rewrite eq_le hG0 sumr_ge0 // => j _; rewrite sqr_ge0.
    by have /(_ _ Ai) /eqP := psumr_eq0P (fun j _ => sqr_ge0 (G j)) e; rewrite sqrf_eq0 => /eqP.
  by rewrite b00 mulr0 big1 // => i Ai; rewrite z ?mulr0.
have ab : 0 < a * b by rewrite mulr_gt0 // lt_def ?a1 ?b1.
have step i : 2 * (a * b) * (F i * G i) <= b ^+ 2 * F i ^+ 2 + a ^+ 2 * G i ^+ 2.
  by have := sqr_ge0 (b * F i - a * G i); lra.
have := ler_sum (index_enum I) (fun i (_ : A i) => step i); rewrite big_split -!mulr_sumr /=.
have := ler_wpM2l (sqr_ge0 b) hF; have := ler_wpM2l (sqr_ge0 a) hG.
by move=> h1 h2 h3; rewrite -(ler_pM2l ab); lra.
Qed.

Theorem dual_l2 c y P : 0 <= P -> \sum_i met (c i) (y i 0) ^+ 2 <= P ^+ 2 ->
  dual_le (@l2 R n 1) c y P.
Proof.
move=> P0 h x cx; apply: le_trans (dot_met y cx) _; apply: schwarz_sum; rewrite ?l2_ge0 //.
by rewrite l2_sqr sq_col; under eq_bigr do rewrite real_normK ?num_real //.
Qed.

Theorem dual_weighted c w y P : (forall i, 0 < w i) -> 0 <= P ->
  \sum_i met (c i) (y i 0) ^+ 2 / w i <= P ^+ 2 -> dual_le (weighted w) c y P.
Proof.
move=> w0 P0 h x cx; apply: le_trans (dot_met y cx) _.
have r0 i : 0 < Num.sqrt (w i) by rewrite sqrtr_gt0.
have -> : \sum_i met (c i) (y i 0) * `|x i 0|
  = \sum_i (met (c i) (y i 0) / Num.sqrt (w i)) * (Num.sqrt (w i) * `|x i 0|).
  by apply: eq_bigr => i _; rewrite mulrA divfK ?gt_eqF.
apply: schwarz_sum; rewrite ?sqrtr_ge0 //.
  by under eq_bigr do rewrite expr_div_n sqr_sqrtr ?ltW //.
rewrite weighted_sqr => [|i]; last exact: ltW.
by under eq_bigr do rewrite exprMn sqr_sqrtr ?ltW // real_normK ?num_real //.
Qed.

Lemma by_groups k (g : 'I_n -> 'I_k) c y x (Q : 'I_k -> R) : in_cone c x ->
  (forall j, 0 <= Q j) -> (forall j, \sum_(i | g i == j) met (c i) (y i 0) ^+ 2 <= Q j ^+ 2) ->
  dot y x <= \sum_j Q j * group_l2 g j x.
Proof.
move=> cx Q0 h; apply: le_trans (dot_met y cx) _.
rewrite (partition_big g predT) //=; apply: ler_sum => j _.
apply: schwarz_sum; rewrite ?group_l2_ge0 //.
by rewrite group_l2_sqr; under eq_bigr do rewrite real_normK ?num_real //.
Qed.

(* group of outer norm l1: the largest of the groups' *)
Theorem dual_group_sum k (g : 'I_n -> 'I_k) c y P : 0 <= P ->
  (forall j, \sum_(i | g i == j) met (c i) (y i 0) ^+ 2 <= P ^+ 2) ->
  dual_le (group_sum g) c y P.
Proof.
by move=> P0 h x cx; rewrite mulr_sumr; apply: (by_groups (Q := fun=> P)) cx _ h.
Qed.

(* group of outer norm linf: the sum of the groups' *)
Theorem dual_group_max k (g : 'I_n -> 'I_k) c y (Q : 'I_k -> R) P : (forall j, 0 <= Q j) ->
  (forall j, \sum_(i | g i == j) met (c i) (y i 0) ^+ 2 <= Q j ^+ 2) -> \sum_j Q j <= P ->
  dual_le (group_max g) c y P.
Proof.
move=> Q0 h hP x cx; apply: le_trans (by_groups cx Q0 h) _.
apply: le_trans (ler_wpM2r (group_max_ge0 g x) hP); rewrite mulr_suml; apply: ler_sum => j _.
by apply: ler_wpM2l; rewrite ?le_group_max.
Qed.

(* elastic, at a level t *)
Theorem dual_elastic a t c y : 0 <= a <= 1 -> 0 <= t ->
  \sum_i Num.max (met (c i) (y i 0) - a * t) 0 ^+ 2 <= ((1 - a) * t) ^+ 2 ->
  dual_le (elastic a) c y t.
Proof.
move=> /andP[a0 a1] t0 h x cx; apply: le_trans (dot_met y cx) _.
set p := fun i => met (c i) (y i 0) in h *.
have split i : p i * `|x i 0| <= a * t * `|x i 0| + Num.max (p i - a * t) 0 * `|x i 0|.
  by rewrite -mulrDl ler_wpM2r // -lerBlDl le_max lexx.
apply: le_trans (ler_sum _ (fun i _ => split i)) _; rewrite big_split -mulr_sumr /= -/(l1 x).
have : \sum_i Num.max (p i - a * t) 0 * `|x i 0| <= (1 - a) * t * l2 x.
  apply: schwarz_sum; rewrite ?l2_ge0 ?mulr_ge0 ?subr_ge0 //.
  by rewrite l2_sqr sq_col; under eq_bigr do rewrite real_normK ?num_real //.
rewrite /elastic; lra.
Qed.

(* without a level, and for every norm above the l2 norm *)
Theorem dual_above (N : 'cV[R]_n -> R) c y P : (forall x, l2 x <= N x) -> 0 <= P ->
  \sum_i met (c i) (y i 0) ^+ 2 <= P ^+ 2 -> dual_le N c y P.
Proof.
by move=> hN P0 h x cx; apply: le_trans (dual_l2 P0 h cx) _; apply: ler_wpM2l.
Qed.

(* variation, at a flow f: `_by_flow`, rest = y - B^T f *)
Theorem dual_variation k rho (B : 'M[R]_(k, n)) (f : 'cV[R]_k) c y P : 0 <= rho -> 0 <= P ->
  (forall e, `|f e 0| <= P * rho) ->
  \sum_i met (c i) ((y - B^T *m f) i 0) ^+ 2 <= P ^+ 2 -> dual_le (variation rho B) c y P.
Proof.
move=> r0 P0 hf h x cx.
have -> : dot y x = dot (y - B^T *m f) x + dot f (B *m x).
  by rewrite dotBl dot_mull trmxK; ring.
have := dual_l2 P0 h cx; have := le_trans (ler_norm _) (holder (B *m x) hf).
by rewrite (dotC f) /variation; lra.
Qed.

Theorem dual_even N c y P : (forall x, N (- x) = N x) -> (forall i, c i = Free) ->
  dual_le N c y P -> dual_le N c (- y) P.
Proof.
move=> even free h x _; rewrite dotNl -dotNr -even; apply: h => i.
by rewrite free.
Qed.

(* `diagonal_cost`: sum d_i x_i^2 <= cost |x|^2 on the cone *)
Definition cost_le (N : 'cV[R]_n -> R) c (d : 'I_n -> R) cost :=
  forall x, in_cone c x -> \sum_i d i * x i 0 ^+ 2 <= cost * N x ^+ 2.

(* 0 where the cone is "0", else d^+ *)
Definition held c (d : 'I_n -> R) i := if c i is Zero then 0 else Num.max (d i) 0.

Lemma held_ge0 c d i : 0 <= held c d i.
Proof. by rewrite /held; case: (c i); rewrite ?le_max ?lexx ?orbT. Qed.

Lemma le_held c d x : in_cone c x -> \sum_i d i * x i 0 ^+ 2 <= \sum_i held c d i * x i 0 ^+ 2.
Proof.
move=> cx; apply: ler_sum => i _; rewrite /held; have := cx i.
case: (c i) => /= [_|_|_|/eqP ->]; last by rewrite expr0n /= !mulr0.
all: by rewrite ler_wpM2r ?sqr_ge0 // le_max lexx.
Qed.

Theorem cost_above N c d cost : (forall x, l2 x <= N x) ->
  (forall i, held c d i <= cost) -> 0 <= cost -> cost_le N c d cost.
Proof.
move=> hN h cost0 x cx; apply: le_trans (le_held d cx) _.
apply: (@le_trans _ _ (cost * sq x)).
  by rewrite sq_col mulr_sumr; apply: ler_sum => i _; rewrite ler_wpM2r ?sqr_ge0.
by rewrite ler_wpM2l // -l2_sqr ler_sqr ?nnegrE ?l2_ge0 // (le_trans (l2_ge0 x)).
Qed.

Theorem cost_weighted w c d cost : (forall i, 0 < w i) ->
  (forall i, held c d i / w i <= cost) -> cost_le (weighted w) c d cost.
Proof.
move=> w0 h x cx; apply: le_trans (le_held d cx) _.
rewrite weighted_sqr => [|i]; last exact: ltW.
rewrite mulr_sumr; apply: ler_sum => i _; rewrite [X in _ <= X]mulrA ler_wpM2r ?sqr_ge0 //.
by rewrite -ler_pdivrMr.
Qed.

Theorem cost_linf c d cost : \sum_i held c d i <= cost -> cost_le linf c d cost.
Proof.
move=> h x cx; apply: le_trans (le_held d cx) _.
apply: le_trans (ler_wpM2r (sqr_ge0 _) h); rewrite mulr_suml; apply: ler_sum => i _.
rewrite ler_wpM2l ?held_ge0 // -real_normK ?num_real //.
by rewrite ler_sqr ?nnegrE ?linf_ge0 ?le_linf.
Qed.

(* q: the largest of each group's *)
Theorem cost_group_max k (g : 'I_n -> 'I_k) c d (q : 'I_k -> R) cost :
  (forall i, held c d i <= q (g i)) -> (forall j, 0 <= q j) -> \sum_j q j <= cost ->
  cost_le (group_max g) c d cost.
Proof.
move=> hq q0 h x cx; apply: le_trans (le_held d cx) _.
apply: le_trans (ler_wpM2r (sqr_ge0 _) h); rewrite mulr_suml.
rewrite (partition_big g predT) //=; apply: ler_sum => j _.
apply: (@le_trans _ _ (q j * group_l2 g j x ^+ 2)).
  rewrite group_l2_sqr mulr_sumr; apply: ler_sum => i /eqP <-.
  by rewrite ler_wpM2r ?sqr_ge0.
by rewrite ler_wpM2l // ler_sqr ?nnegrE ?group_l2_ge0 ?group_max_ge0 ?le_group_max.
Qed.

(* `widest`: |x|_2^2 <= cost |x|^2, the cost of d = 1 *)
Theorem widest_le N c cost : cost_le N c (fun=> 1) cost ->
  forall x, in_cone c x -> sq x <= cost * N x ^+ 2.
Proof.
by move=> h x cx; have := h x cx; rewrite sq_col; under eq_bigr do rewrite mul1r.
Qed.

Theorem widest_above N c : (forall x, l2 x <= N x) -> cost_le N c (fun=> 1) 1.
Proof.
move=> hN; apply: cost_above => // i; rewrite /held.
by case: (c i); rewrite // ge_max lexx ler01.
Qed.

End OfColumns.

End Norms.
