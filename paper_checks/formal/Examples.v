(* The hypotheses are those of real models: pairs of columns are a cone of slices; rank one and
   hidden ReLU layers are homogeneous of degree 2; zero slice for matrix factorization, whole. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality LocalMinima Power.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Pairs.
Variables (R : rcfType) (m n : nat).
Local Notation pair := ('cV[R]_m * 'cV[R]_n)%type.

Definition pair_act a (x : pair) : pair := (a *: x.1, a *: x.2).

Definition pair_dist (x y : pair) := l2 (x.1 - y.1) + l2 (x.2 - y.2).

Definition pair_len (x : pair) := l2 x.1 + l2 x.2.

Fact pair_act1 x : pair_act 1 x = x.
Proof. by case: x => u v; rewrite /pair_act !scale1r. Qed.

Fact pair_act0 x : pair_act 0 x = (0, 0).
Proof. by rewrite /pair_act !scale0r. Qed.

Fact pair_len_ge0 x : 0 <= pair_len x.
Proof. by rewrite addr_ge0 ?l2_ge0. Qed.

Fact pair_dist_act a b x : 0 <= a -> 0 <= b ->
  pair_dist (pair_act a x) (pair_act b x) <= `|a - b| * pair_len x.
Proof. by move=> _ _; rewrite /pair_dist /= -!scalerBl !l2Z mulrDr. Qed.

Definition pair_cone : cone R pair := Cone pair_act1 pair_act0 pair_len_ge0 pair_dist_act.

Definition outer (x : pair) : 'M[R]_(m, n) := x.1 *m x.2^T.

Definition l2_product (x : pair) : R := l2 x.1 * l2 x.2.

Lemma outer_act a x : outer (pair_act a x) = a ^+ 2 *: outer x.
Proof. by rewrite /outer /= -scalemxAl linearZ -scalemxAr scalerA expr2. Qed.

Lemma l2_product_act a x : 0 <= a -> l2_product (pair_act a x) = a ^+ 2 * l2_product x.
Proof. by move=> a0; rewrite /l2_product /= !l2Z ger0_norm //; ring. Qed.

(* phi = u v^T, theta = |u| |v| *)
Theorem rank_one_homogeneous : homogeneous pair_cone (fun a => a ^+ 2) outer l2_product.
Proof.
split; first exact: natural_degree; first by move=> a x _; exact: outer_act.
  by move=> a x a0; exact: l2_product_act.
by move=> x; rewrite mulr_ge0 ?l2_ge0.
Qed.

End Pairs.

(* phi = (F u)_+ v^T, theta = |u| |v| *)
Section Layer.
Variables (R : rcfType) (N m n : nat) (F : 'M[R]_(N, m)).

Definition positive_part (z : 'cV[R]_N) : 'cV[R]_N := \col_i Num.max (z i 0) 0.

Definition relu (x : 'cV[R]_m * 'cV[R]_n) := positive_part (F *m x.1) *m x.2^T.

Lemma positive_partZ a z : 0 <= a -> positive_part (a *: z) = a *: positive_part z.
Proof. by move=> a0; apply/colP => i; rewrite !mxE maxr_pMr // mulr0. Qed.

Theorem relu_homogeneous :
  homogeneous (pair_cone R m n) (fun a => a ^+ 2) relu (@l2_product R m n).
Proof.
split; first exact: natural_degree.
- move=> a x a0; rewrite /relu /= -scalemxAr positive_partZ // linearZ.
  by rewrite -scalemxAl -scalemxAr scalerA expr2.
- by move=> a x a0; exact: l2_product_act.
- by move=> x; rewrite mulr_ge0 ?l2_ge0.
Qed.

End Layer.

(* slices with signs, or any other set closed under scaling, are a cone of slices too *)
Section Part.
Variables (R : realFieldType) (S : Type) (K : cone R S) (P : pred S).
Hypothesis closed : forall a x, 0 <= a -> P x -> P (act K a x).

Fact act_part a (x : {x | P x}) : P (act K (Num.max a 0) (val x)).
Proof. by apply: closed; [rewrite le_max lexx orbT | exact: valP]. Qed.

Definition part_act a x : {x | P x} := exist (fun y => P y) _ (act_part a x).

Definition part_cone (z : {x | P x}) : cone R {x | P x}.
Proof.
exists part_act (part_act 0 z) (fun x y => dist K (val x) (val y)) (fun x => len K (val x)).
- by move=> x; apply: val_inj; rewrite /= max_l ?act1.
- by move=> x; apply: val_inj; rewrite /= maxxx !act0.
- by move=> x; apply: len_ge0.
- by move=> a b x a0 b0; rewrite /= !max_l ?dist_act.
Defined.

Theorem part_homogeneous (V : lmodType R) pw (phi : S -> V) theta (z : {x | P x}) :
  homogeneous K pw phi theta ->
  homogeneous (part_cone z) pw (fun x => phi (val x)) (fun x => theta (val x)).
Proof.
move=> h; split=> [|a x a0|a x a0|x]; first exact: (hom_degree h).
- by rewrite /= (max_l a0) (hom_phi h).
- by rewrite /= (max_l a0) (hom_theta h).
- exact: (hom_ge0 h).
Qed.

End Part.

Section Matrix.
Variables (R : rcfType) (m n : nat) (Y : 'M[R]_(m, n)) (lam : R).
Hypothesis lam_gt0 : 0 < lam.

Let Q := 'cV[R]_0.
Definition half_squares (Z : 'M[R]_(m, n)) (_ : Q) : R := sq (Z - Y) / 2.

Let f := objective (@outer R m n) (@l2_product R m n) half_squares (fun=> 0) lam.

Lemma half_squares_gradient Z q :
  gradient half_squares lam (inner_with (lam^-1 *: (Y - Z))) (fun=> 0) Z q.
Proof.
move=> D E e e0; exists (e / (1 + sq D)) => [|t]; first by rewrite divr_gt0 ?ltr_wpDr ?sq_ge0.
rewrite ltr_pdivlMr ?ltr_wpDr ?sq_ge0 // => small.
rewrite /half_squares scale0r addr0 /inner_with dotZl mulrA divff ?gt_eqF // mul1r.
have -> : sq (Z + t *: D - Y) / 2 - sq (Z - Y) / 2 - t * (0 - dot (Y - Z) D) = t ^+ 2 * sq D / 2.
  have -> : Z + t *: D - Y = (Z - Y) + t *: D by rewrite addrAC.
  rewrite sqD sqZ dotZr; have -> : dot (Z - Y) D = - dot (Y - Z) D by rewrite -dotNl opprB.
  by field.
have t0 := normr_ge0 t; have d0 := sq_ge0 D.
rewrite ger0_norm; last by apply: divr_ge0 => //; apply: mulr_ge0 => //; exact: sqr_ge0.
rewrite -real_normK ?num_real //; have := ler_wpM2l t0 (ltW small).
have := mulr_ge0 (mulr_ge0 t0 t0) d0; have := mulr_ge0 t0 t0; lra.
Qed.

Lemma half_squares_convex : jointly_convex half_squares (fun=> 0 : R).
Proof.
move=> Z Z' q q' t t0 t1; rewrite /half_squares !addr0.
have -> : Z + t *: (Z' - Z) - Y = (1 - t) *: (Z - Y) + t *: (Z' - Y).
  by apply/matrixP => i j; rewrite !mxE; ring.
rewrite sqD !sqZ dotZl dotZr; have := dot_le_half (Z - Y) (Z' - Y).
have : 0 <= t * (1 - t) by rewrite mulr_ge0 ?subr_ge0.
by move: (sq _) (sq _) (dot _ _) => a b c; nra.
Qed.

(* Matrix factorization 1/2 |sum u_i v_i^T - Y|^2 + lam sum |u_i| |v_i|: a local minimum with a
   zero pair is global, for every number of pairs. *)
Theorem matrix_zero_slice r (x : 'I_r -> 'cV[R]_m * 'cV[R]_n) i :
  (exists2 e, 0 < e & forall y, (forall j, pair_dist (y j) (x j) < e) ->
     f (codom x) 0 <= f (codom y) 0) ->
  x i = (0, 0) -> forall ys, f (codom x) 0 <= f ys 0.
Proof.
move=> [e e0 min] xi ys.
apply: (@zero_slice R _ Q _ _ _ _ _ (rank_one_homogeneous R m n) half_squares (fun=> 0) lam
  (fun=> 0) _ lam_gt0 r x 0 _ (inner_with (lam^-1 *: (Y - fit (@outer R m n) (codom x))))
  (\0)%R _ i half_squares_convex xi ys 0).
- by move=> t q; rewrite mulr0.
- exists e => // y q' near _; have -> : q' = 0 by apply/colP => -[].
  exact: min.
- exact: half_squares_gradient.
Qed.

End Matrix.
