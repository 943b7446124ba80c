(* a |-> a^p is a degree: every natural p > 0 in a real closed field, every real p > 0. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum poly.
From mathcomp Require Import reals exp.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Theorem natural_degree (R : rcfType) (p : nat) : (0 < p)%N -> degree (fun a : R => a ^+ p).
Proof.
move=> p0; split=> [|| a b a0 ab | t t0].
- by rewrite expr0n eqn0Ngt p0.
- exact: expr1n.
- by rewrite ltr_pXn2r ?nnegrE // (le_trans a0 (ltW ab)).
have sides : ('X^p - t%:P).[0] <= 0 <= ('X^p - t%:P).[1 + t].
  rewrite !hornerE expr0n eqn0Ngt p0 sub0r oppr_le0 t0 subr_ge0 /=.
  apply: le_trans (_ : 1 + t <= _); first by rewrite lerDr.
  by rewrite ler_eXnr // lerDl.
have up : (0 : R) <= 1 + t by rewrite addr_ge0.
have [a /andP[a0 _] /rootP] := poly_ivt up sides.
by rewrite !hornerE => /eqP; rewrite subr_eq0 => /eqP; exists a.
Qed.

Theorem real_degree (R : realType) (p : R) : 0 < p -> degree (fun a : R => powR a p).
Proof.
move=> p0; split=> [|| a b a0 ab | t t0].
- by rewrite powR0 ?gt_eqF.
- by rewrite powR1.
- by rewrite gt0_ltr_powR ?nnegrE // ?(le_trans a0 (ltW ab)).
exists (powR t p^-1); first exact: powR_ge0.
by rewrite -powRrM mulVf ?gt_eqF // powRr1.
Qed.
