(* The theorem of the real numbers: those of Coq's standard library, with its exp and ln, are numbers
   as Statement.v asks for. *)

From Coq Require Import Reals.
From mathcomp Require Import all_ssreflect ssralg ssrnum Rstruct.
From Checker Require Import Statement Checker Proof File Main.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Lemma exp_above_R (x : R) : 1 + x <= Rtrigo_def.exp x.
Proof. by apply/RleP; exact: exp_ineq1_le. Qed.

Lemma exp_ln_R (x : R) : 0 < x -> Rtrigo_def.exp (ln x) = x.
Proof. by move/RltP; exact: exp_ln. Qed.

Definition real_numbers : Statement.numbers := Numbers (real := R) exp_plus exp_above_R exp_ln_R.

Theorem answer_sound_real sha header body lower upper v told :
  answer sha header body = Ok (lower, upper, v, told) ->
  exists c, read header body = Ok c /\
    holds (meaning real_numbers (question_ c)) (dv real_numbers lower) (dv real_numbers upper) v.
Proof. exact: answer_sound. Qed.

Print Assumptions answer_sound_real.
