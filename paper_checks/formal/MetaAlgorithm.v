(* The meta-algorithm: descend to a local minimum; if no slice is zero there, make one zero along a
   dependence, or append one; repeat.  f never rises, card(D) + 1 slices are enough, and it ends at a
   global minimum. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum matrix vector.
From mathcomp Require Import boolp.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality LocalMinima FlatPath.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section MetaAlgorithm.
Variables (R : realFieldType) (V : vectType R) (Q : lmodType R) (S : Type) (K : cone R S).
Variables (pw : R -> R) (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Variables (l : V -> Q -> R) (H : Q -> R) (lam : R) (size_of : Q -> R).
Hypothesis size_of_scale : forall t q, size_of (t *: q) = `|t| * size_of q.
Hypothesis lam_gt0 : 0 < lam.

Local Notation f := (objective phi theta l H lam).

(* a point of any size: its slices, and the offsets *)
Record point := Point { count : nat; slices : 'I_count -> S; offsets : Q }.

Definition value p := f (codom (@slices p)) (offsets p).

Definition minimal p := local_minimum K phi theta l H lam size_of (@slices p) (offsets p).

Definition has_zero p := exists i, @slices p i = zero K.

Definition dependent r (x : 'I_r -> S) (beta : 'I_r -> R) :=
  \sum_i beta i *: phi (x i) = 0 /\ exists i, beta i != 0.

(* One step: a descent of any kind among as many slices; at a local minimum along a dependence to a
   zero slice; or, where there is no dependence, a zero slice appended *)
Inductive step : point -> point -> Prop :=
  | Descend r (x y : 'I_r -> S) q q' of f (codom y) q' <= f (codom x) q : step (Point x q) (Point y q')
  | Merge r (x y : 'I_r -> S) q beta g of minimal (Point x q) & dependent x beta
      & on_path K pw x beta g y : step (Point x q) (Point y q)
  | Append r (x : 'I_r -> S) q of ~ (exists beta, dependent x beta) :
      step (Point x q) (Point (append K x) q).

Inductive run p : point -> Prop :=
  | Start : run p p
  | Next p' p'' of run p p' & step p' p'' : run p p''.

Lemma step_value p p' : step p p' -> value p' <= value p.
Proof.
case=> [r x y q q' //|r x y q beta g min [dep _] path|r x q _]; rewrite /value /=.
  by rewrite (path_affine hom l H lam dep q path) (path_constant hom size_of_scale lam_gt0 dep min) !mulr0 addr0.
by rewrite (objective_append hom).
Qed.

Lemma step_count p p' : step p p' -> (count p <= (dim V).+1)%N -> (count p' <= (dim V).+1)%N.
Proof.
case=> //= r x q free _; rewrite ltnS leqNgt; apply/negP => big; apply: free.
by have [beta zero_sum nz] := dependence phi x big; exists beta.
Qed.

Theorem run_value p p' : run p p' -> value p' <= value p.
Proof. by elim=> // u v _ le /step_value; move=> h; apply: le_trans le. Qed.

Theorem run_count p p' : run p p' -> (count p <= (dim V).+1)%N -> (count p' <= (dim V).+1)%N.
Proof. by elim=> // u v _ ih /step_count h small; apply: h; apply: ih. Qed.

(* It never gets stuck: from a local minimum without a zero slice a step that keeps f leads to one *)
Theorem goes_on p : minimal p -> has_zero p
  \/ exists p', [/\ step p p', value p' = value p & has_zero p'].
Proof.
case: p => r x q min; right.
have [[beta dep]|free] := pselect (exists beta, dependent x beta); last first.
  exists (Point (append K x) q); split; first exact: Append.
    by rewrite /value /= (objective_append hom).
  by exists ord_max; rewrite /append /= unlift_none.
have [zero_sum nz] := dep.
have [g [_ stays [y [i [path yi]]]]] := flat_path hom size_of_scale lam_gt0 zero_sum min nz.
exists (Point y q); split; first exact: Merge min dep path.
  by have [_] := stays 1 y (ltac:(by rewrite mul1r)).
by exists i.
Qed.

Hypothesis convex : jointly_convex l H.
Hypothesis differentiable : forall Z q, exists (w : {scalar V}) (v : {scalar Q}), gradient l lam w v Z q.

(* The end, a local minimum with a zero slice, is global; <W, phi(z)> <= lam theta(z) there, -lam w
   the gradient *)
Theorem end_is_global p : minimal p -> has_zero p ->
  (forall ys q, value p <= f ys q)
  /\ forall (w : {scalar V}) (v : {scalar Q}),
       gradient l lam w v (fit phi (codom (@slices p))) (offsets p) -> polar_le w phi theta 1.
Proof.
move=> min [i zi]; split=> [ys q' | w v grad z].
  have [w [v grad]] := differentiable (fit phi (codom (@slices p))) (offsets p).
  exact: (zero_slice hom size_of_scale lam_gt0 min grad convex zi).
by rewrite mul1r; exact: (polar_of_zero_slice hom size_of_scale lam_gt0 min grad z zi).
Qed.

(* So a point with a zero slice is global, or there are lower points as near as one likes *)
Theorem global_or_falls p : has_zero p -> (forall ys q, value p <= f ys q)
  \/ forall e, 0 < e -> exists (y : 'I_(count p) -> S) q,
       [/\ forall i, dist K (y i) (@slices p i) < e, size_of (q - offsets p) < e & f (codom y) q < value p].
Proof.
move=> z; have [min|not_min] := pselect (minimal p); first by left; case: (end_is_global min z).
right=> e e0; apply: contrapT => none; apply: not_min; exists e => // y q near_y near_q.
rewrite leNgt; apply/negP => lower; apply: none; exists y, q; split=> //.
Qed.

(* The meta-algorithm: of every run, however each descent is made *)
Theorem meta_algorithm p p' : (count p <= (dim V).+1)%N -> run p p' ->
  [/\ value p' <= value p, (count p' <= (dim V).+1)%N,
      minimal p' -> has_zero p' \/ exists p'', [/\ step p' p'', value p'' = value p' & has_zero p''],
      has_zero p' -> (forall ys q, value p' <= f ys q) \/ forall e, 0 < e ->
        exists (y : 'I_(count p') -> S) q, [/\ forall i, dist K (y i) (@slices p' i) < e,
          size_of (q - offsets p') < e & f (codom y) q < value p']
    & minimal p' -> has_zero p' -> (forall ys q, value p' <= f ys q)
        /\ forall (w : {scalar V}) (v : {scalar Q}),
             gradient l lam w v (fit phi (codom (@slices p'))) (offsets p') -> polar_le w phi theta 1].
Proof.
move=> small go; split.
- exact: run_value.
- exact: (run_count go).
- exact: goes_on.
- exact: global_or_falls.
- exact: end_is_global.
Qed.

End MetaAlgorithm.
