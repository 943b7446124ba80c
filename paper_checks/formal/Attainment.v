(* Attainment: where phi({theta <= 1}) is compact and the loss continuous and bounded below, f has a
   least value over all sizes, and card(D) slices have it. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum interval matrix vector.
From mathcomp Require Import boolp classical_sets functions set_interval reals topology normedtype.
From mathcomp Require Import function_spaces.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality LocalMinima FlatPath LargeR.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory numFieldNormedType.Exports.
Local Open Scope classical_set_scope.
Local Open Scope ring_scope.

(* a continuous function has a least value on a compact set *)
Lemma least_on_compact (R : realType) (T : topologicalType) (A : set T) (g : T -> R) :
  A !=set0 -> compact A -> continuous g -> exists2 c, A c & forall t, A t -> g c <= g t.
Proof.
move=> [t0 At0] comp cont; pose image := (fun t => - g t) @` A.
have cpt : compact image.
  by apply: continuous_compact => //; apply: continuous_subspaceT => t; apply: continuousN; exact: cont.
have closed_image : closed image by apply: compact_closed => //; exact: Rhausdorff.
have nonempty : image !=set0 by exists (- g t0), t0.
have bounded : has_ubound image.
  have [M [_ hM]] := compact_bounded cpt; exists (M + 1) => y hy.
  by apply: le_trans (ler_norm _) _; apply: hM => //; rewrite ltrDl.
have [c Ac ec] : image (sup image).
  by rewrite [X in X _](closure_id image).1 //; exact: closure_sup.
exists c => // t At; have := sup_upper_bound (conj nonempty bounded) (imageP (fun t => - g t) At).
by rewrite -ec lerN2.
Qed.

Lemma add_continuous_maps (R : numFieldType) (T : topologicalType) (W : normedModType R)
  (f g : T -> W) : continuous f -> continuous g -> continuous (fun h => f h + g h).
Proof. by move=> hf hg x; apply: cvgD; [exact: hf | exact: hg]. Qed.

Lemma sums_continuous (R : numFieldType) (T : topologicalType) (W : normedModType R) (I : Type)
  (s : seq I) (F : I -> T -> W) :
  (forall i, continuous (F i)) -> continuous (fun h => \sum_(i <- s) F i h).
Proof.
move=> hF; elim: s => [|i s ih] g.
  have -> : (fun h => \sum_(i <- [::]) F i h) = fun=> 0 by apply/funext => h; rewrite big_nil.
  exact: cvg_cst.
have -> : (fun h => \sum_(j <- i :: s) F j h) = (fun h => F i h + \sum_(j <- s) F j h).
  by apply/funext => h; rewrite big_cons.
by apply: cvgD; [exact: hF | exact: ih].
Qed.

Section Attainment.
Variables (R : realType) (m n : nat) (S : Type).
Let V := 'M[R]_(m.+1, n.+1).
Variables (K : cone R S) (pw : R -> R).
Variables (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Variables (l : V -> R) (lam low : R).
Hypotheses (lam_gt0 : 0 < lam) (cont : continuous l) (below : forall Z, low <= l Z).

Let ball : set V := phi @` [set x | theta x <= 1].
Hypothesis comp : compact ball.

(* compactness is more than theta >= c |phi|: no slice that costs nothing has a phi *)
Lemma free_is_zero x : theta x = 0 -> phi x = 0.
Proof.
move=> free; apply/eqP; apply/negP => /negP nz.
have size0 : 0 < `|phi x| by rewrite normr_gt0.
have [M [_ hM]] := compact_bounded comp.
pose t := (`|M| + 2) / `|phi x|.
have t0 : 0 <= t by rewrite divr_ge0 // addr_ge0.
have [a [_ _ ephi eth]] := scale_slice hom x t0.
have inball : ball (phi (act K a x)).
  by exists (act K a x) => //=; rewrite eth free mulr0 ler01.
have lt : M < `|M| + 1 by apply: le_lt_trans (ler_norm M) _; rewrite ltrDl.
have := hM _ lt _ inball; rewrite /= ephi normrZ ger0_norm // /t divfK ?gt_eqF //.
by move=> h; lra.
Qed.

(* a slice is a point of the ball and a size a >= 0, its price *)
Lemma slice_point x : exists2 z, ball z & phi x = theta x *: z.
Proof.
have [pos|] := ltP 0 (theta x); last first.
  move=> neg; have e : theta x = 0 by apply/eqP; rewrite eq_le neg (hom_ge0 hom).
  exists 0; last by rewrite scaler0 free_is_zero.
  by exists (zero K); rewrite ?(phi_zero hom) //= (theta_zero hom) ler01.
have inv0 : 0 <= (theta x)^-1 by rewrite invr_ge0 ltW.
have [a [_ _ ephi eth]] := scale_slice hom x inv0.
exists (phi (act K a x)); last by rewrite ephi scalerA divff ?gt_eqF // scale1r.
by exists (act K a x) => //=; rewrite eth mulVf ?gt_eqF.
Qed.

Lemma point_slice z a : ball z -> 0 <= a -> exists2 x, phi x = a *: z & theta x <= a.
Proof.
move=> [x /= cheap <-] a0; have [b [_ _ ephi eth]] := scale_slice hom x a0.
by exists (act K b x) => //; rewrite eth -[X in _ <= X]mulr1 ler_wpM2l.
Qed.

Let d := dim V.
Local Notation f := (objective phi theta (fun Z (_ : unit) => l Z) (fun=> 0) lam).

(* exactly card(D) slices, zeros among them *)
Lemma padded xs : exists y : 'I_d -> S,
  \sum_i phi (y i) = fit phi xs /\ \sum_i theta (y i) <= price theta xs.
Proof.
have [k [y [kd efit le_price]]] := few_slices hom xs.
exists (fun i => nth (zero K) (codom y) i).
have sums (M : zmodType) (g : S -> M) : g (zero K) = 0 ->
    \sum_(i < d) g (nth (zero K) (codom y) i) = \sum_(x <- codom y) g x.
  move=> g0; have small : (size (codom y) <= d)%N by rewrite size_codom card_ord.
  rewrite (big_nth (zero K)) -(big_mkord predT (fun i => g (nth (zero K) (codom y) i))).
  rewrite (@big_cat_nat _ _ _ (size (codom y))) //=.
  have -> : \sum_(size (codom y) <= i < d) g (nth (zero K) (codom y) i) = 0.
    by rewrite big_nat big1 // => i /andP[le _]; rewrite nth_default.
  by rewrite addr0.
by rewrite !sums ?(phi_zero hom) ?(theta_zero hom) // -efit.
Qed.

Import ArrowAsProduct.

Let point := (R * V)%type.
Let sum_value (g : 'I_d -> point) : R := l (\sum_i (g i).1 *: (g i).2) + lam * \sum_i (g i).1.

Lemma first_continuous (i : 'I_d) : continuous (fun h : 'I_d -> point => (h i).1 : R).
Proof.
move=> g; apply: (@continuous_comp _ _ _ (fun h : 'I_d -> point => h i) (fun p : point => p.1)).
  exact: (@proj_continuous _ (fun=> point) i g).
exact: cvg_fst.
Qed.

Lemma second_continuous (i : 'I_d) : continuous (fun h : 'I_d -> point => (h i).2 : V).
Proof.
move=> g; apply: (@continuous_comp _ _ _ (fun h : 'I_d -> point => h i) (fun p : point => p.2)).
  exact: (@proj_continuous _ (fun=> point) i g).
exact: cvg_snd.
Qed.

Lemma term_continuous (i : 'I_d) : continuous (fun h : 'I_d -> point => (h i).1 *: (h i).2 : V).
Proof.
move=> g; apply: (@continuous_comp _ _ _ (fun h : 'I_d -> point => h i) (fun p : point => p.1 *: p.2)).
  exact: (@proj_continuous _ (fun=> point) i g).
exact: scale_continuous.
Qed.

Lemma sum_continuous : continuous sum_value.
Proof.
have zs : continuous (fun h : 'I_d -> point => \sum_i (h i).1 *: (h i).2 : V).
  exact: (@sums_continuous R ('I_d -> point) V 'I_d (index_enum _) (fun i h => (h i).1 *: (h i).2) term_continuous).
have prices : continuous (fun h : 'I_d -> point => \sum_i (h i).1 : R^o).
  exact: (@sums_continuous R ('I_d -> point) R^o 'I_d (index_enum _) (fun i h => (h i).1) first_continuous).
have fits : continuous (fun h : 'I_d -> point => l (\sum_i (h i).1 *: (h i).2)).
  move=> g; apply: (@continuous_comp _ _ _ (fun h : 'I_d -> point => \sum_i (h i).1 *: (h i).2) l).
    exact: zs.
  exact: cont.
have scaled : continuous (fun h : 'I_d -> point => lam * \sum_i (h i).1 : R^o).
  move=> g; apply: (@continuous_comp _ _ _ (fun h : 'I_d -> point => \sum_i (h i).1 : R^o) (fun a : R^o => lam *: a)).
    exact: prices.
  exact: scaler_continuous.
exact: (@add_continuous_maps R ('I_d -> point) R^o
  (fun h => l (\sum_i (h i).1 *: (h i).2)) (fun h => lam * \sum_i (h i).1) fits scaled).
Qed.

(* sizes up to `most` are enough: beyond, the price alone is more than l(0) *)
Let most : R := (l 0 - low) / lam.
Let box : set point := [set` `[0, most]] `*` ball.
Let domain : set ('I_d -> point) := [set g | forall i, box (g i)].

Lemma most_ge0 : 0 <= most.
Proof. by rewrite divr_ge0 ?(ltW lam_gt0) // subr_ge0. Qed.

Lemma domain_compact : compact domain.
Proof.
apply: (@tychonoff 'I_d (fun=> point) (fun=> box)) => _.
by apply: compact_setX => //; exact: segment_compact.
Qed.

Lemma ball0 : ball 0.
Proof. by exists (zero K); rewrite ?(phi_zero hom) //= (theta_zero hom) ler01. Qed.

Let origin : 'I_d -> point := fun=> (0, 0).

Lemma origin_in : domain origin.
Proof. by move=> i; split=> /=; [rewrite in_itv /= lexx most_ge0 | exact: ball0]. Qed.

Lemma origin_value : sum_value origin = l 0.
Proof. by rewrite /sum_value /= !big1 ?mulr0 ?addr0 // => i _; rewrite scaler0. Qed.

(* Attainment: card(D) slices are a global minimum among all sizes. *)
Theorem attained : exists x : 'I_d -> S, forall ys, f (codom x) tt <= f ys tt.
Proof.
have [g gin least] := least_on_compact (ex_intro _ origin origin_in) domain_compact sum_continuous.
have choice_x i : exists x, phi x = (g i).1 *: (g i).2 /\ theta x <= (g i).1.
  have [/= ]  := gin i; rewrite in_itv /= => /andP[a0 _] inb.
  by have [x ex cheap] := point_slice inb a0; exists x.
have [x hx] := fin_all_exists choice_x; exists x => ys.
have low_x : f (codom x) tt <= sum_value g.
  rewrite /objective fit_family price_family addr0 /sum_value.
  rewrite (eq_bigr (fun i => (g i).1 *: (g i).2)) => [|i _]; last by have [] := hx i.
  by rewrite lerD2l ler_pM2l //; apply: ler_sum => i _; have [] := hx i.
apply: le_trans low_x _.
have [y [fit_y price_y]] := padded ys.
have point_of i : exists z, ball z /\ phi (y i) = theta (y i) *: z.
  by have [z inb e] := slice_point (y i); exists z.
have [z hz] := fin_all_exists point_of.
pose h : 'I_d -> point := fun i => (theta (y i), z i).
have value_h : sum_value h <= f ys tt.
  rewrite /objective addr0 /sum_value /= -fit_y.
  rewrite (eq_bigr (fun i => phi (y i))) => [|i _]; last by have [_ ->] := hz i.
  by rewrite lerD2l ler_pM2l.
have [/forallP small|] := boolP [forall i, theta (y i) <= most].
  apply: le_trans value_h; apply: least => i; split=> /=; last by have [] := hz i.
  by rewrite in_itv /= (hom_ge0 hom) small.
move=> /forallPn [i]; rewrite -ltNge => big.
have start := least _ origin_in; rewrite origin_value in start.
apply: le_trans start _.
have one : theta (y i) <= price theta ys.
  apply: le_trans price_y; rewrite (bigD1 i) //= lerDl; apply: sumr_ge0 => j _.
  exact: (hom_ge0 hom).
have total : l 0 - low <= lam * price theta ys.
  have := lt_le_trans big one; rewrite /most ltr_pdivrMr // mulrC => /ltW; exact.
by rewrite /objective addr0; have := below (fit phi ys); lra.
Qed.

End Attainment.
