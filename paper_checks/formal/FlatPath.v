(* Appending a zero slice to a local minimum; the flat path; a dependence beyond card(D) slices. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra vector.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality LocalMinima.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory VectorInternalTheory.
Local Open Scope ring_scope.

(* positive numbers, finitely many, have a positive lower bound *)
Lemma common_bound (R : realFieldType) r (d : 'I_r -> R) : (forall i, 0 < d i) ->
  exists2 m, 0 < m & forall i, m <= d i.
Proof.
move=> pos; have inv0 i : 0 <= (d i)^-1 by rewrite invr_ge0 ltW.
have sum0 : 0 <= \sum_i (d i)^-1 by apply: sumr_ge0.
exists (1 + \sum_i (d i)^-1)^-1 => [|i]; first by rewrite invr_gt0 ltr_wpDr.
rewrite -[X in _ <= X]invrK lef_pV2 ?posrE ?invr_gt0 ?ltr_wpDr //.
rewrite (bigD1 i) //=; have : 0 <= \sum_(j < r | j != i) (d j)^-1 by apply: sumr_ge0.
lra.
Qed.

(* a vector that is not zero has a multiple g with all 1 + g beta_i >= 0, one of them 0 *)
Lemma first_zero (R : realFieldType) r (beta : 'I_r -> R) i0 : beta i0 < 0 ->
  exists g i, [/\ 0 < g, forall j, 0 <= 1 + g * beta j & 1 + g * beta i = 0].
Proof.
move=> neg; pose i := [arg min_(i < i0) beta i]%O; have least j : beta i <= beta j.
  by rewrite /i; case: arg_minP => // k _ h; apply: h.
have bi : beta i < 0 by apply: le_lt_trans (least i0) neg.
have g0 : 0 < - (beta i)^-1 by rewrite oppr_gt0 invr_lt0.
exists (- (beta i)^-1), i; split=> // [j|]; last by rewrite mulNr mulVf ?lt_eqF // subrr.
have e : - (beta i)^-1 * beta i = -1 by rewrite mulNr mulVf ?lt_eqF.
by have := least j; nra.
Qed.

(* what has a negative slope falls at once *)
Lemma slope_lt0 (R : realFieldType) (g : R -> R) s : derivative g s -> s < 0 ->
  exists2 d, 0 < d & forall t, 0 < t -> t < d -> g t < g 0.
Proof.
move=> der neg; have e0 : 0 < - s / 2 by lra.
have [d d0 small] := der _ e0; exists d => // t t0 td.
have := small t; rewrite gtr0_norm // => /(_ td); rewrite ler_norml => /andP[_ h]; nra.
Qed.

Section Path.
Variables (R : realFieldType) (V Q : lmodType R) (S : Type) (K : cone R S) (pw : R -> R).
Variables (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Variables (l : V -> Q -> R) (H : Q -> R) (lam : R) (size_of : Q -> R).
Hypothesis size_of_scale : forall t q, size_of (t *: q) = `|t| * size_of q.
Hypothesis lam_gt0 : 0 < lam.

Local Notation f := (objective phi theta l H lam).

(* X with one zero slice more *)
Definition append r (x : 'I_r -> S) (i : 'I_r.+1) : S := oapp x (zero K) (unlift ord_max i).

Lemma sum_append (M : zmodType) (g : S -> M) r (x : 'I_r -> S) :
  \sum_i g (append x i) = \sum_i g (x i) + g (zero K).
Proof.
rewrite big_ord_recr /= /append unlift_none /=; congr (_ + _).
apply: eq_bigr => i _; suff -> : widen_ord (leqnSn r) i = lift ord_max i by rewrite liftK.
by apply: val_inj; rewrite /= /bump leqNgt ltn_ord.
Qed.

Lemma fit_append r (x : 'I_r -> S) : fit phi (codom (append x)) = fit phi (codom x).
Proof. by rewrite !fit_family sum_append (phi_zero hom) addr0. Qed.

Lemma objective_append r (x : 'I_r -> S) q : f (codom (append x)) q = f (codom x) q.
Proof.
by rewrite /objective fit_append !price_family sum_append (theta_zero hom) addr0.
Qed.

(* Append a zero: X that stays a local minimum after appending a zero slice is global. *)
Theorem append_zero r (x : 'I_r -> S) q (w : {scalar V}) (v : {scalar Q}) :
  local_minimum K phi theta l H lam size_of (append x) q ->
  gradient l lam w v (fit phi (codom x)) q -> jointly_convex l H ->
  forall ys q', f (codom x) q <= f ys q'.
Proof.
move=> minimal grad conv ys q'; rewrite -objective_append.
apply: (zero_slice hom size_of_scale lam_gt0 minimal (w := w) (v := v) _ (i := ord_max) conv).
  by rewrite fit_append.
by rewrite /append unlift_none.
Qed.

(* In its first-order form it is exact: balanced slices are global if and only if Omega*(W) <= 1. *)
Theorem append_zero_exact r (x : 'I_r -> S) q (w : {scalar V}) (v : {scalar Q}) :
  gradient l lam w v (fit phi (codom x)) q -> supported l H lam w (fit phi (codom x)) q ->
  (forall i, w (phi (x i)) = theta (x i)) ->
  (forall ys q', f (codom x) q <= f ys q') <-> polar_le w phi theta 1.
Proof.
move=> grad sup bal; split=> [glob z | le1].
  have minimal : local_minimum K phi theta l H lam size_of (append x) q.
    by exists 1 => [|y q' _ _]; [exact: ltr01 | rewrite objective_append].
  have last : append x ord_max = zero K by rewrite /append unlift_none.
  have grad' : gradient l lam w v (fit phi (codom (append x))) q by rewrite fit_append.
  by rewrite mul1r; exact: (polar_of_zero_slice hom size_of_scale lam_gt0 minimal grad' z last).
apply: (directional_global (w := w)) => //; first exact: ltW.
by move=> z; have := le1 z; rewrite mul1r.
Qed.

(* Else, for any differentiable loss, a slice z with lam <W, phi(z)> > lam theta(z) lowers f, appended
   as small as one likes: a z does for all 0 < a < d. *)
Theorem append_small r (x : 'I_r -> S) q (w : {scalar V}) (v : {scalar Q}) z :
  gradient l lam w v (fit phi (codom x)) q -> theta z < w (phi z) ->
  exists2 d, 0 < d & forall a, 0 < a -> a < d -> f (act K a z :: codom x) q < f (codom x) q.
Proof.
move=> grad gap; have deg := hom_degree hom.
have der := derivativeD (gradient_Z grad (phi z)) (derivative_line (lam * theta z)).
have neg : - (lam * w (phi z)) + lam * theta z < 0.
  by have : 0 < lam * (w (phi z) - theta z); [rewrite mulr_gt0 ?subr_gt0 | lra].
have [c c0 falls] := slope_lt0 der neg; have [d d0 ed] := pw_onto deg (ltW c0).
have dpos : 0 < d.
  by rewrite lt_def d0 andbT; apply: contra_eq_neq ed => ->; rewrite (pw0 deg) lt_eqF.
exists d => // a a0 ad; have a0' := ltW a0.
have t0 : 0 < pw a by rewrite -(pw0 deg) (pw_lt deg).
have tc : pw a < c by rewrite -ed (pw_lt deg).
have := falls _ t0 tc; rewrite scale0r addr0 mul0r addr0 /objective /fit /price !big_cons.
rewrite (hom_phi hom) // (hom_theta hom) // -/(fit phi (codom x)) -/(price theta (codom x)).
by rewrite [pw a *: phi z + _]addrC => h; lra.
Qed.

Variables (r : nat) (x : 'I_r -> S) (beta : 'I_r -> R).

(* y = X(g): slice i is (1 + g beta_i)^(1/p) X_i *)
Definition on_path g (y : 'I_r -> S) := forall i, exists a,
  [/\ 0 <= a, pw a = 1 + g * beta i & y i = act K a (x i)].

Lemma path_exists g : (forall i, 0 <= 1 + g * beta i) -> exists y, on_path g y.
Proof.
move=> pos; have one i : exists z, exists a, [/\ 0 <= a, pw a = 1 + g * beta i & z = act K a (x i)].
  by have [a a0 ea] := pw_onto (hom_degree hom) (pos i); exists (act K a (x i)), a.
by have [y hy] := fin_all_exists one; exists y.
Qed.

Lemma path_phi g y i : on_path g y -> phi (y i) = (1 + g * beta i) *: phi (x i).
Proof. by move=> /(_ i) [a [a0 ea ->]]; rewrite (hom_phi hom) // ea. Qed.

Lemma path_theta g y i : on_path g y -> theta (y i) = (1 + g * beta i) * theta (x i).
Proof. by move=> /(_ i) [a [a0 ea ->]]; rewrite (hom_theta hom) // ea. Qed.

(* a slice is zero where its factor is *)
Lemma path_zero g y i : on_path g y -> 1 + g * beta i = 0 -> y i = zero K.
Proof.
move=> /(_ i) [a [a0 ea ->]] e; suff -> : a = 0 by rewrite act0.
apply/eqP; rewrite eq_le a0 andbT leNgt; apply/negP => pos.
by have := pw_lt (hom_degree hom) (lexx 0) pos; rewrite ea e (pw0 (hom_degree hom)) ltxx.
Qed.

(* sum beta_i phi(X_i) = 0 *)
Hypothesis dependent : \sum_i beta i *: phi (x i) = 0.

Theorem path_fit g y : on_path g y -> fit phi (codom y) = fit phi (codom x).
Proof.
move=> hy; rewrite !fit_family; under eq_bigr => i _ do rewrite (path_phi i hy) scalerDl scale1r -scalerA.
by rewrite big_split /= -scaler_sumr dependent scaler0 addr0.
Qed.

Theorem path_price g y : on_path g y ->
  price theta (codom y) = price theta (codom x) + g * \sum_i beta i * theta (x i).
Proof.
move=> hy; rewrite !price_family.
under eq_bigr => i _ do rewrite (path_theta i hy) mulrDl mul1r -mulrA.
by rewrite big_split /= -mulr_sumr.
Qed.

(* f is affine along the path *)
Theorem path_affine g y q : on_path g y ->
  f (codom y) q = f (codom x) q + g * (lam * \sum_i beta i * theta (x i)).
Proof. by move=> hy; rewrite /objective (path_fit hy) (path_price hy); ring. Qed.

(* small steps are near X *)
Lemma path_near e : 0 < e -> exists2 d, 0 < d &
  forall g, `|g| < d -> exists2 y, on_path g y & forall i, dist K (y i) (x i) < e.
Proof.
move=> e0; have step i : exists d, 0 < d /\ forall g, `|g| < d -> exists z,
    (exists a, [/\ 0 <= a, pw a = 1 + g * beta i & z = act K a (x i)]) /\ dist K z (x i) < e.
  have [c c0 near] := pw_near1 (hom_degree hom) (divr_gt0 e0 (len1_gt0 K (x i))).
  exists (c / (1 + `|beta i|)); split=> [|g]; first by rewrite divr_gt0 // ltr_wpDr.
  rewrite ltr_pdivlMr ?ltr_wpDr // => small.
  have [|a [a0 ea close]] := near (g * beta i).
    by apply: le_lt_trans small; rewrite normrM ler_wpM2l // lerDr.
  exists (act K a (x i)); split; first by exists a.
  by rewrite -[X in dist K _ X](act1 K) near_act.
have [d hd] := fin_all_exists step.
have [m m0 hm] := common_bound (fun i => proj1 (hd i)).
exists m => // g gm; have both i := (hd i).2 g (lt_le_trans gm (hm i)).
by have [y hy] := fin_all_exists both; exists y => i; have [] := hy i.
Qed.

(* at a local minimum f is constant along it *)
Theorem path_constant q : local_minimum K phi theta l H lam size_of x q ->
  \sum_i beta i * theta (x i) = 0.
Proof.
move=> [e e0 min]; have [d d0 near] := path_near e0.
have d2 : 0 < d / 2 by rewrite divr_gt0.
have up g : `|g| < d -> 0 <= g * (lam * \sum_i beta i * theta (x i)).
  move=> gd; have [y hy close] := near g gd; have := min y q close.
  by rewrite (size_of0 size_of_scale) => /(_ e0); rewrite (path_affine q hy) lerDl.
have := up (d / 2); have := up (- (d / 2)); rewrite normrN gtr0_norm //.
move: (\sum_i _) => s; have lt : d / 2 < d by lra.
move=> /(_ lt) h1 /(_ lt) h2; have : (d / 2) * (lam * s) = 0 by nra.
by move/eqP; rewrite mulf_eq0 (gt_eqF d2) mulf_eq0 (gt_eqF lam_gt0) => /eqP.
Qed.

(* Flat path: from a local minimum X with a dependence, beta != 0, a path on which sum phi and f
   stay what they are leads to a point with a zero slice. *)
Theorem flat_path q : local_minimum K phi theta l H lam size_of x q ->
  (exists i, beta i != 0) -> exists g,
    [/\ forall t, 0 <= t -> t <= 1 -> exists y, on_path (t * g) y,
        forall t y, on_path (t * g) y -> fit phi (codom y) = fit phi (codom x)
          /\ f (codom y) q = f (codom x) q
      & exists y i, on_path g y /\ y i = zero K].
Proof.
move=> minimal [i0 nz].
suff [g [i [pos zero_i]]] : exists g i, (forall j, 0 <= 1 + g * beta j) /\ 1 + g * beta i = 0.
  exists g; split=> [t t0 t1 | t y hy |].
  - by apply: path_exists => j; have := pos j; rewrite -mulrA; nra.
  - by rewrite (path_fit hy) (path_affine q hy) (path_constant minimal) !mulr0 addr0.
  - by have [y hy] := path_exists pos; exists y, i; split=> //; apply: path_zero hy zero_i.
have [neg|] := ltP (beta i0) 0.
  by have [g [i [_ pos e]]] := first_zero neg; exists g, i.
rewrite le_eqVlt eq_sym (negPf nz) -oppr_lt0 => neg.
have [g [i [_ pos e]]] := first_zero (beta := fun j => - beta j) neg.
by exists (- g), i; split=> [j|]; [have := pos j | ]; rewrite mulNr -mulrN.
Qed.

End Path.

(* more slices than the output has numbers are dependent *)
Theorem dependence (R : realFieldType) (V : vectType R) (S : Type) (phi : S -> V) r (x : 'I_r -> S) :
  (dim V < r)%N ->
  exists2 beta : 'I_r -> R, \sum_i beta i *: phi (x i) = 0 & exists i, beta i != 0.
Proof.
move=> big; pose A := \matrix_i v2r (phi (x i)).
have ker : kermx A != 0.
  rewrite -mxrank_eq0 mxrank_ker subn_eq0 -ltnNge.
  exact: leq_ltn_trans (rank_leq_col A) big.
have nz := nz_row_eq0 (kermx A); rewrite (negPf ker) in nz.
have /sub_kermxP zero_sum := nz_row_sub (kermx A).
exists (fun i => nz_row (kermx A) 0 i).
  apply: v2r_inj; rewrite linear0 linear_sum -[RHS]zero_sum.
  apply/rowP => j; rewrite summxE mxE; apply: eq_bigr => i _.
  by rewrite linearZ !mxE.
have /rV0Pn [i hi] : nz_row (kermx A) != 0 by rewrite nz.
by exists i.
Qed.
