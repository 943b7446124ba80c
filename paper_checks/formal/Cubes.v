(* The rule `corners`: a factor in a cube, [lo_j, hi_j] in each coordinate, may be at a corner.

   v is the factor of one mode, c j is <slice j, the others> (`slices_pairing` in Tensors.v). *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import lra.
From Formal Require Import Forms Multipliers.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Cubes.
Variables (R : realFieldType) (J : finType).
Implicit Types (v s c lo hi : J -> R) (bound : R).

Theorem corners_end v c lo hi bound :
  (forall j, lo j <= v j <= hi j) ->
  (forall s, (forall j, s j = lo j \/ s j = hi j) -> inner s c <= bound) -> inner v c <= bound.
Proof.
move=> box h; pose s j := if 0 <= c j then hi j else lo j.
apply: le_trans (h s _); last by move=> j; rewrite /s; case: ifP; [right|left].
apply: ler_sum => j _; have /andP[low high] := box j; rewrite /s.
case: ifPn => [c0|]; first exact: ler_wpM2r.
by rewrite -ltNge => /ltW c0; apply: ler_wnM2r.
Qed.

(* of x and -x, in a cube without signs, one is enough where another factor u is free: negating u
   negates every slice's value.  `value j u` is <slice j, u o the others>. *)
Theorem corners_absorbed (U : Type) (opp : U -> U) (value : J -> U -> R) (j0 : J) bound :
  (forall j u, value j (opp u) = - value j u) ->
  (forall s u, (forall j, s j = -1 \/ s j = 1) -> s j0 = 1 -> inner s (value^~ u) <= bound) ->
  forall v u, (forall j, -1 <= v j <= 1) -> inner v (value^~ u) <= bound.
Proof.
move=> odd h v u box; apply: (corners_end box) => s ends.
have [neg|pos] := ends j0; last exact: h.
have -> : inner s (value^~ u) = inner (fun j => - s j) (value^~ (opp u)).
  by apply: eq_bigr => j _; rewrite odd mulrNN.
apply: h; last by rewrite neg opprK.
by move=> j; have [->|->] := ends j; [right; rewrite opprK|left].
Qed.

End Cubes.
