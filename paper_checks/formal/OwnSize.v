(* Factors of at most r slices: `fixed_rank`, `excess`, `head`, `weighted`, `definite`, `unfoldings`,
   and W of one sign.

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

(* `weighted`: the weights c of a block are at least p^2 + d, p = a_i b_j and d = c' > 0, and the
   square of d lies above its tangents.  V = w + p G, and K_r(p y + G)^2 <= k *)
Theorem weights_split m n (c p d y z w g : 'I_m -> 'I_n -> R) k : 0 <= k ->
  (forall i j, 0 < d i j) -> (forall i j, p i j ^+ 2 + d i j <= c i j) ->
  (\sum_i \sum_j (p i j * y i j + g i j) * (p i j * z i j)) ^+ 2
    <= k * (\sum_i \sum_j (p i j * z i j) ^+ 2) ->
  (\sum_i \sum_j (p i j * y i j) ^+ 2) / 2 + \sum_i \sum_j (w i j + p i j * g i j) * y i j
    - (\sum_i \sum_j (w i j + p i j * g i j) ^+ 2 / d i j) / 2 - k / 2
  <= \sum_i \sum_j (c i j / 2 * (y i j - z i j) ^+ 2 + w i j * z i j).
Proof.
move=> k0 d0 hc.
set X := \sum_i \sum_j (p i j * z i j) ^+ 2; set D := \sum_i \sum_j (_ + g i j) * _ => hk.
have X0 : 0 <= X by apply: sumr_ge0 => i _; apply: sumr_ge0 => j _; apply: sqr_ge0.
have two : 2 * D <= k + X.
  have s0 : 0 <= k + X by rewrite addr_ge0.
  have [neg|pos] := leP (2 * D) 0; first exact: le_trans neg s0.
  rewrite -ler_sqr ?nnegrE ?(ltW pos) //.
  have -> : (2 * D) ^+ 2 = 4 * D ^+ 2 by ring.
  have -> : (k + X) ^+ 2 = (k - X) ^+ 2 + 4 * (k * X) by ring.
  by have := sqr_ge0 (k - X); lra.
apply: le_trans (_ : \sum_i \sum_j ((p i j * y i j) ^+ 2 / 2 + (w i j + p i j * g i j) * y i j
    - (w i j + p i j * g i j) ^+ 2 / d i j / 2 - (p i j * y i j + g i j) * (p i j * z i j)
    + (p i j * z i j) ^+ 2 / 2) <= _).
  have pull (f f' : 'I_m -> 'I_n -> R) :
      \sum_i \sum_j (f i j + f' i j) = \sum_i \sum_j f i j + \sum_i \sum_j f' i j.
    by rewrite -big_split; apply: eq_bigr => i _; rewrite big_split.
  have half (f : 'I_m -> 'I_n -> R) : \sum_i \sum_j f i j / 2 = (\sum_i \sum_j f i j) / 2.
    by rewrite mulr_suml; apply: eq_bigr => i _; rewrite mulr_suml.
  have neg (f : 'I_m -> 'I_n -> R) : \sum_i \sum_j - f i j = - (\sum_i \sum_j f i j).
    by rewrite -sumrN; apply: eq_bigr => i _; rewrite sumrN.
  rewrite !pull !neg !half -/X -/D; lra.
apply: ler_sum => i _; apply: ler_sum => j _.
have tangent (v x e : R) : 0 < e -> v * x - v ^+ 2 / e / 2 <= e / 2 * x ^+ 2.
  move=> e0; rewrite -subr_ge0.
  have -> : e / 2 * x ^+ 2 - (v * x - v ^+ 2 / e / 2) = (e * x - v) ^+ 2 / (2 * e).
    by field; rewrite gt_eqF.
  by rewrite divr_ge0 ?sqr_ge0 // mulr_ge0 // ltW.
have := tangent (w i j + p i j * g i j) (y i j - z i j) (d i j) (d0 i j).
have : (p i j ^+ 2 + d i j) / 2 * (y i j - z i j) ^+ 2 <= c i j / 2 * (y i j - z i j) ^+ 2.
  by rewrite ler_wpM2r ?sqr_ge0 // ler_pM2r ?invr_gt0 ?ltr0n.
set q := _ / d i j / 2; lra.
Qed.

(* `definite`: Z = U U^T is positive semidefinite, so C is as good as its symmetric part, and that
   as M = t I + K K^T *)
Theorem definite_head m r q (C : 'M[R]_m) (K : 'M[R]_(m, q)) t (U : 'M[R]_(m, r)) : 0 <= t ->
  (forall x, qf (2^-1 *: (C + C^T) - K *m K^T) x <= t * sq x) ->
  sq C - (r%:R * t ^+ 2 + 2 * t * sq K + sq (K *m K^T)) <= sq (C - U *m U^T).
Proof.
move=> t0 hG; have [S [hS SU trS]] := span_projector U.
set Z := U *m U^T; set M := t%:M + K *m K^T.
have SZ : S *m Z = Z by rewrite /Z mulmxA SU.
have gram (N : 'M[R]_m) : dot N Z = \sum_k qf N (col k U).
  transitivity (\sum_i \sum_k \sum_j N i j * (U i k * U j k)).
    apply: eq_bigr => i _; rewrite exchange_big; apply: eq_bigr => j _ /=.
    by rewrite mxE mulr_sumr; apply: eq_bigr => k _; rewrite mxE.
  rewrite exchange_big; apply: eq_bigr => k _; rewrite qf_sum; apply: eq_bigr => i _.
  by apply: eq_bigr => j _; rewrite !mxE.
have ZT : Z^T = Z by rewrite /Z trmx_mul trmxK.
have below : dot C Z <= dot M Z.
  have -> : dot C Z = dot (2^-1 *: (C + C^T)) Z.
    by rewrite dotZl dotDl -[in dot C^T Z]ZT dot_tr; field.
  rewrite /M !gram; apply: ler_sum => k _; have := hG (col k U).
  by rewrite qfB qfD qf_scalar; lra.
have SM : dot M Z = dot (S *m M) Z by rewrite dot_mull (proj1 hS) SZ.
have half := dot_le_half (S *m M) Z.
have size : sq (S *m M) <= r%:R * t ^+ 2 + 2 * t * sq K + sq (K *m K^T).
  have -> : S *m M = t *: S + S *m (K *m K^T) by rewrite /M mulmxDr mul_mx_scalar.
  rewrite sqD sqZ dotZl.
  have trace : t ^+ 2 * sq S <= r%:R * t ^+ 2.
    by rewrite [X in _ <= X]mulrC ler_wpM2l ?sqr_ge0 // projector_trace.
  have mid : dot S (S *m (K *m K^T)) <= sq K.
    rewrite dotC dot_mull (proj1 hS) (proj2 hS) dot_mulr trmxK.
    by rewrite -(projector_sq K hS) projector_le.
  have last := projector_le (K *m K^T) hS.
  have : 2 * (t * dot S (S *m (K *m K^T))) <= 2 * t * sq K.
    by rewrite mulrA ler_wpM2l // mulr_ge0.
  lra.
rewrite sqB; lra.
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

End OwnSize.
