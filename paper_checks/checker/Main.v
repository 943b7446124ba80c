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
case: ifP => // _; case: ifP => // _; case e: (check_with _ _ _ _ _) => [[[lo up] w]|] //.
case: ifP => // _; case: ifP => // _ [<- <- <- _]; exists c; split=> //.
exact (check_with_sound R mul_fastE e).
Qed.
