(* Factors of at most r slices: `fixed_rank`, `excess`, `head`, `unfoldings`, and W of one sign.

   The polar bounds lam sum theta from below by <W, Z>, and the rank of Z bounds what is left,
   1/2 |Y - W - Z|^2.  Roots are avoided: K_r(C)^2 |Z|^2 is above <C, Z>^2. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base KyFan.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section OwnSize.
Variable R : realFieldType.

(* `fixed_rank`: M = A q is what the offsets fit, cost = lam sum theta, pen = H(q), d is d(W) with
   the infimum of H(q) - <W, A q> in it, and e bounds 1/2 |Y - W - Z - A q|^2 *)
Theorem own_size m n (Y W Z M : 'M[R]_(m, n)) cost pen d e : dot W Z <= cost ->
  d <= dot W Y - sq W / 2 + (pen - dot W M) -> e <= sq (Y - W - (Z + M)) / 2 ->
  d + e <= sq (Y - (Z + M)) / 2 + cost + pen.
Proof.
move=> hZ hd he; have -> : Y - (Z + M) = Y - W - (Z + M) + W.
  by rewrite addrAC subrK.
rewrite [in X in _ <= X]sqD.
have : dot (Y - W - (Z + M)) W = dot W Y - sq W - dot W Z - dot W M.
  by rewrite dotC !dotBr dotDr /sq; ring.
lra.
Qed.

(* `excess`: the entries of W are off by E, |E| <= stray *)
Theorem distance_stray m n (A E : 'M[R]_(m, n)) a stray : 0 <= a -> a ^+ 2 <= sq A -> 0 <= stray ->
  sq E <= stray ^+ 2 -> Num.max (a - stray) 0 ^+ 2 <= sq (A + E).
Proof.
move=> a0 hA s0 hE; have [low|high] := leP (a - stray) 0; first by rewrite expr0n sq_ge0.
rewrite leNgt; apply/negP => small.
have near : dot (A + E) (- E) <= (a - stray) * stray.
  by apply: cauchy_schwarz_le; rewrite ?sqN // ltW.
have : sq A = sq (A + E) + 2 * dot (A + E) (- E) + sq E by rewrite -(sqN E) -sqD addrK.
nra.
Qed.

(* `head`: what a matrix of rank <= r meets of C is at most K_r(C), K_r(C)^2 <= r t + |K|^2 *)
Theorem fan_head m n r q (C : 'M[R]_(m, n)) (K : 'M[R]_(m, q)) t (U : 'M[R]_(m, r))
  (V : 'M[R]_(n, r)) : (forall x, qf (C *m C^T - K *m K^T) x <= t * sq x) ->
  dot C (U *m V^T) ^+ 2 <= (r%:R * Num.max t 0 + sq K) * sq (U *m V^T).
Proof.
move=> hG; have [S [hS SU trS]] := span_projector U.
set Z := U *m V^T.
have SZ : S *m Z = Z by rewrite /Z mulmxA SU.
have -> : dot C Z = dot (S *m C) Z by rewrite dot_mull (proj1 hS) SZ.
apply: le_trans (cauchy_schwarz _ _) _; rewrite ler_wpM2r ?sq_ge0 //.
by have := head_le (projector1 R m) hG hS trS; rewrite mulmx1.
Qed.

(* `unfoldings`: C is a sum of parts, c the inner product of each with Z, z2 = |Z|^2 and k the
   K_r of each part, unfolded *)
Lemma parts_le (B : finType) (c k : B -> R) z2 : (forall s, 0 <= k s) -> 0 <= z2 ->
  (forall s, c s ^+ 2 <= k s ^+ 2 * z2) -> (\sum_s c s) ^+ 2 <= (\sum_s k s) ^+ 2 * z2.
Proof.
move=> k0 z0 h; rewrite !expr2 mulr_suml [X in _ <= X * _]mulr_suml mulr_suml.
apply: ler_sum => s _; rewrite mulr_sumr [X in _ <= X * _]mulr_sumr mulr_suml.
apply: ler_sum => s' _; have b0 : 0 <= k s * k s' * z2 by rewrite !mulr_ge0.
have [neg|pos] := leP (c s * c s') 0; first exact: le_trans neg b0.
rewrite -ler_sqr ?nnegrE ?(ltW pos) // !exprMn.
apply: le_trans (_ : (k s ^+ 2 * z2) * (k s' ^+ 2 * z2) <= _).
  by rewrite ler_pM ?sqr_ge0.
by rewrite [X in X <= _](_ : _ = k s ^+ 2 * k s' ^+ 2 * z2 ^+ 2) //; ring.
Qed.

Theorem unfolded_parts (B : finType) (c k : B -> R) c2 z2 : (forall s, 0 <= k s) -> 0 <= z2 ->
  (forall s, c s ^+ 2 <= k s ^+ 2 * z2) ->
  c2 - (\sum_s k s) ^+ 2 <= c2 - 2 * (\sum_s c s) + z2.
Proof.
move=> k0 z0 h; have := parts_le k0 z0 h.
move: (\sum_s c s) (\sum_s k s) => x y le.
suff : 2 * x <= y ^+ 2 + z2 by lra.
have b0 : 0 <= y ^+ 2 + z2 by rewrite addr_ge0 ?sqr_ge0.
have [neg|pos] := leP (2 * x) 0; first exact: le_trans neg b0.
rewrite -ler_sqr ?nnegrE ?(ltW pos) //.
have -> : (2 * x) ^+ 2 = 4 * x ^+ 2 by ring.
have -> : (y ^+ 2 + z2) ^+ 2 = (y ^+ 2 - z2) ^+ 2 + 4 * (y ^+ 2 * z2) by ring.
by have := sqr_ge0 (y ^+ 2 - z2); lra.
Qed.

(* a tensor over I is unfolded by two groups of its modes, p and p', which tell its entries apart *)
Theorem unfolding_keeps (I : finType) m n (p : I -> 'I_m) (p' : I -> 'I_n) (A Z : I -> R)
  (A' Z' : 'M[R]_(m, n)) : bijective (fun i => (p i, p' i)) ->
  (forall i, A' (p i) (p' i) = A i) -> (forall i, Z' (p i) (p' i) = Z i) ->
  dot A' Z' = \sum_i A i * Z i.
Proof.
move=> bij hA hZ; rewrite /dot pair_bigA /= (reindex (fun i => (p i, p' i))) /=; last first.
  exact: onW_bij.
by apply: eq_bigr => i _; rewrite hA hZ.
Qed.

(* a sum of r products of what the groups have is unfolded to rank r *)
Theorem unfolding_rank (I : finType) m n r (p : I -> 'I_m) (p' : I -> 'I_n) (u : 'M[R]_(m, r))
  (v : 'M[R]_(n, r)) i : (u *m v^T) (p i) (p' i) = \sum_k u (p i) k * v (p' i) k.
Proof. by rewrite mxE; apply: eq_bigr => k _; rewrite mxE. Qed.

(* `opposite_signs`: the coordinates have signs s, or one of them is 0 *)
Theorem opposite_signs (I K : finType) (W : I -> R) (s x : K -> I -> R) :
  (forall i, [\/ W i = 0, exists k, x k i = 0 |
    (forall k, s k i ^+ 2 = 1 /\ 0 <= s k i * x k i) /\ W i * \prod_k s k i <= 0]) ->
  \sum_i W i * \prod_k x k i <= 0.
Proof.
move=> h; rewrite -oppr_ge0 -sumrN; apply: sumr_ge0 => i _; rewrite oppr_ge0; case: (h i) => [-> | [k zero] | [signs meets]].
- by rewrite mul0r.
- by rewrite (bigD1 k) //= zero mul0r mulr0.
have -> : \prod_k x k i = \prod_k s k i * \prod_k (s k i * x k i).
  rewrite -big_split /=; apply: eq_bigr => k _.
  by rewrite mulrA -expr2 (proj1 (signs k)) mul1r.
rewrite mulrA; apply: mulr_le0_ge0 => //; apply: prodr_ge0 => k _; exact: proj2 (signs k).
Qed.

(* the same of a matrix: 0 bounds the polar, whatever theta is *)
Theorem opposite_signs_pair m n (W : 'M[R]_(m, n)) (S : Type) (u : S -> 'cV[R]_m)
  (v : S -> 'cV[R]_n) theta :
  (forall x i j, W i j * (u x i 0 * v x j 0) <= 0) ->
  polar_le (dot W) (fun x => u x *m (v x)^T) theta 0.
Proof.
move=> h x; rewrite mul0r -oppr_ge0 -dotNl; apply: sumr_ge0 => i _; apply: sumr_ge0 => j _.
by rewrite !mxE big_ord1 !mxE mulNr oppr_ge0.
Qed.

End OwnSize.
