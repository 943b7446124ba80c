(* The theorem: what is answered of a file holds of the question in it. *)

From Coq Require Import ZArith String List.
From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From Checker Require Import Statement Checker Packed Rule Proof File.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory Num.Theory.

Theorem answer_sound (R : Statement.numbers) sha header body lower upper v told :
  answer sha header body = Ok (lower, upper, v, told) ->
  exists c, read header body = Ok c /\
    holds (meaning R (question_ c)) (dv R lower) (dv R upper) v.
Proof.
rewrite /answer; case: (read header body) => // c; rewrite /bind /demand.
case: ifP => // _; case: ifP => // _; case e: (check_with _ _ _ _ _ _) => [[[lo up] w]|] //.
case: ifP => // _; case: ifP => // _ [<- <- <- _]; exists c; split=> //.
exact (check_with_sound R mul_fastE e).
Qed.

Local Open Scope ring_scope.

(* the norm of a product of vectors is the product of their norms, so that theta is that of K modes *)
Theorem norm_of_product (R : Statement.numbers) p d l (x : nat -> nat -> R) : p = L1 \/ p = L2 ->
  norm p (\col_(i < size_of (d :: l)) product_at (d :: l) x i)
  = norm p (\col_(i < d.1) x 0%N i)
    * norm p (\col_(i < size_of l) product_at l (fun j => x j.+1) i).
Proof.
move=> no; have e (f : R -> R) : (forall y z, f (y * z) = f y * f z) ->
    \sum_i f ((\col_(i < size_of (d :: l)) product_at (d :: l) x i) i 0)
    = (\sum_i f ((\col_(i < d.1) x 0%N i) i 0))
      * (\sum_i f ((\col_(i < size_of l) product_at l (fun j => x j.+1) i) i 0)).
  move=> fM; under eq_bigr do rewrite mxE /= fM.
  rewrite (@sum_of_places R d.1 (size_of l) (fun a b => f (x 0%N a) * f (product_at l (fun j => x j.+1) b))).
  rewrite mulr_suml; apply: eq_bigr => a _; rewrite mulr_sumr; apply: eq_bigr => b _; by rewrite !mxE.
case: no => ->; rewrite /norm; first by apply: (e (fun y => `|y|)) => y z; rewrite normrM.
rewrite -sqrtrM ?sumr_ge0 // => [|i _]; last exact: sqr_ge0.
by congr Num.sqrt; apply: (e (fun y => y ^+ 2)) => y z; rewrite exprMn.
Qed.
