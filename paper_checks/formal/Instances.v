(* The hypotheses of the conic rule can be met: on 1 x 1 matrices the tree proves |w| for
   linf x linf (a split at z_0 = z_1), and w^+ for nonnegative l2 x l2 by a multiplier N. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms Lines Conic Corners.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section OneByOne.
Variables (R : rcfType) (w : R).

Let W : 'M[R]_1 := w%:M.
Let i0 : 'I_(1 + 1) := lshift 1 0.
Let i1 : 'I_(1 + 1) := rshift 1 0.

Lemma hatE (z : 'cV[R]_(1 + 1)) :
  qf (hat ((1%:M)^T *m W *m 1%:M)) z = 2 * w * (z i0 0 * z i1 0).
Proof.
rewrite trmx1 mul1mx mulmx1 -[z in LHS]vsubmxK qf_hat /W mul_scalar_mx dotZr dot_col big_ord1.
by rewrite !mxE; ring.
Qed.

Lemma sq2 (z : 'cV[R]_(1 + 1)) : sq z = z i0 0 ^+ 2 + z i1 0 ^+ 2.
Proof. by rewrite sq_col big_split_ord !big_ord1. Qed.

Lemma merged2 (p : path R (1 + 1)) (y : 'cV[R]_(1 + 1)) s : cls p i0 = (i0, 1) ->
  cls p i1 = (i0, s) -> (merged p *m y) i0 0 = y i0 0 /\ (merged p *m y) i1 0 = s * y i0 0.
Proof.
move=> e0 e1; rewrite ![(merged p *m y) _ 0]mxE !big_split_ord !big_ord1 !mxE.
by rewrite -/i0 -/i1 e0 e1 /= !mul0r !addr0 mul1r.
Qed.

Let leaf_of s := MkLeaf (fun _ _ => 0) (0 : 'M[R]_(1 + 1)) (2 * w * s).

Let by_sign := Equal i0 i1 (Leaf (leaf_of 1)) (Leaf (leaf_of (-1))).

Lemma leaf_of_ok s p : `|s| = 1 -> cls p i0 = (i0, 1) -> cls p i1 = (i0, s) ->
  leaf_ok (hat ((1%:M)^T *m W *m 1%:M))
    (feasible (corner (fun=> Free)) (corner (fun=> Free))) (leaf_of s) p (2 * `|w|).
Proof.
move=> s1 e0 e1; have y1 z : heads p z i1 0 = 0 by rewrite mxE /head e1.
split=> // [z /=|z [[_ cu] _] _ /=].
  have [m0 m1] := merged2 (heads p z) e0 e1.
  rewrite subr0 qf_congr qfD hatE m0 m1 sq2 y1.
  rewrite (_ : table p _ = 0); last by apply/matrixP => i j; rewrite !mxE.
  by rewrite mulmx0 mul0mx /qf mul0mx dot0r expr0n /=; lra.
rewrite /qf mul0mx dot0r add0r sq2 y1 expr0n addr0.
have -> : heads p z i0 0 ^+ 2 = 1.
  rewrite mxE /head e0 eqxx oner_eq0 /=.
  by have [] := cu 0 erefl; rewrite mxE => ->; rewrite ?sqrrN expr1n.
rewrite mulr1 ge_max mulr_ge0 // andbT; apply: le_trans (ler_norm _) _.
by rewrite normrM s1 mulr1 normrM ger0_norm.
Qed.

(* |w| by two leaves *)
Theorem linf_by_sign :
  pair_le (@linf R 1) (fun=> Free) (@linf R 1) (fun=> Free) W (2 * `|w| / 2).
Proof.
apply: (@conic_pair R 1 1 1 1 (@linf R 1) (fun=> Free) (@linf R 1) (fun=> Free) 1%:M 1%:M
  (corner (fun=> Free)) (corner (fun=> Free)) W _ _ predT [::] pred0 by_sign).
- exact: reduces_linf.
- exact: reduces_linf.
- exact: linf_definite.
- exact: linf_definite.
- by rewrite mulr_ge0.
- move=> z i [cu cv] _; case: (split_ordP i) => j ->.
    by have := corner_vertex cu (erefl (Free)); move/(_ j); rewrite mxE.
  by have := corner_vertex cv (erefl (Free)); move/(_ j); rewrite mxE.
- by move=> z _; split=> // i /=; rewrite mul1r.
- split=> //=.
  + by rewrite !oner_eq0.
  + by apply: leaf_of_ok; rewrite ?normr1 //= !mul1r.
  + by apply: leaf_of_ok; rewrite ?normrN ?normr1 //= !mulr1 ?mul1r.
Qed.

(* w^+ for nonnegative factors: N = (-w)^+ where the two coordinates meet *)
Let n := Num.max (- w) 0.
Let rows2 : seq 'rV[R]_(1 + 1) := [:: delta_mx 0 i0; delta_mx 0 i1].
Let meet a b : R := if (a == 0%N) && (b == 1%N) || (a == 1%N) && (b == 0%N) then n else 0.

Lemma at_delta (i : 'I_(1 + 1)) (z : 'cV[R]_(1 + 1)) : at_ (delta_mx 0 i) z = z i 0.
Proof. by rewrite /at_ -rowE mxE. Qed.

Theorem nonnegative :
  pair_le (@l2 R 1 1) (fun=> Pos) (@l2 R 1 1) (fun=> Pos) W (2 * (w + n) / 2).
Proof.
have n0 : 0 <= n by rewrite le_max lexx orbT.
have wn : 0 <= w + n by have : - w <= n by [rewrite le_max lexx]; lra.
apply: (@conic_pair R 1 1 1 1 (@l2 R 1 1) (fun=> Pos) (@l2 R 1 1) (fun=> Pos) 1%:M 1%:M
  (in_ball (@l2 R 1 1) (fun=> Pos)) (in_ball (@l2 R 1 1) (fun=> Pos)) W _ _ pred0 rows2 pred0
  (Leaf (MkLeaf meet 0 (w + n)))) => //.
- exact: reduces_ball.
- exact: reduces_ball.
- exact: l2_definite.
- exact: l2_definite.
- by rewrite mulr_ge0.
- move=> z [[cu _] [cv _]]; split=> [a|i /=]; last by rewrite mul1r.
  rewrite !inE => /orP[] /eqP ->; rewrite at_delta.
    by have := cu 0; rewrite /= mxE.
  by have := cv 0; rewrite /= mxE.
split=> [a b|z /=|z [[_ hu] [_ hv]] oz] /=.
- by rewrite /meet; case: ifP.
- set p := start _ _; have idp : merged p = 1%:M.
    by apply/matrixP => i j; rewrite !mxE /=; case: eqP.
  set y := heads p z; rewrite subr0 idp trmx1 mul1mx mulmx1 qfD hatE qf_congr sq2.
  have -> : qf (table p meet) (stack p *m y) = 2 * n * (y i0 0 * y i1 0).
    have e k : (stack p *m y) k 0 = at_ (nth 0 rows2 k) y.
      by rewrite /at_ mxE [RHS]mxE; apply: eq_bigr => j _; rewrite mxE.
    have tE a b : table p meet a b = meet a b by rewrite mxE.
    rewrite qf_sum !big_ord_recl !big_ord0 !tE !e /meet /= !at_delta; ring.
  by have := sqr_ge0 (y i0 0 - y i1 0); nra.
rewrite /qf mul0mx dot0r add0r (max_idPl wn) mulrC ler_wpM2r //.
have id_ i : heads (start rows2 pred0) z i 0 = z i 0 by apply: heads_id.
rewrite sq2 !id_; move: hu hv; rewrite !l2_le // !expr1n !sq_col !big_ord1 !mxE; lra.
Qed.

End OneByOne.
