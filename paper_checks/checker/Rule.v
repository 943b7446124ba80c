(* The theorems about matrices: what a dual point W proves of a loss, and Ky Fan of least squares, with
   l1 and l2 norms. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base KyFan.
From Formal Require Network Norms Entries.
From Checker Require Import Statement.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Rule.
Variable R : numbers.

(* exp and log *)
Lemma exp0 : exp (0 : R) = 1.
Proof.
have h : 1 <= exp (0 : R) by have := exp_above (0 : R); rewrite addr0.
have p : exp (0 : R) != 0 by rewrite gt_eqF // (lt_le_trans ltr01 h).
by apply: (mulfI p); rewrite mulr1 -exp_add addr0.
Qed.

Lemma exp_ge0 (x : R) : 0 <= exp x.
Proof. by rewrite [x]splitr exp_add -expr2 sqr_ge0. Qed.

Lemma exp_gt0 (x : R) : 0 < exp x.
Proof.
rewrite lt_def exp_ge0 andbT; apply/eqP => e; have := exp_add x (- x).
by rewrite subrr exp0 e mul0r => /eqP; rewrite oner_eq0.
Qed.

Lemma exp_lt (x y : R) : x < y -> exp x < exp y.
Proof.
move=> h; have -> : y = x + (y - x) by ring.
rewrite exp_add ltr_pMr ?exp_gt0 //; apply: lt_le_trans (exp_above _).
by rewrite ltrDl subr_gt0.
Qed.

Lemma exp_le (x y : R) : x <= y -> exp x <= exp y.
Proof. by rewrite le_eqVlt => /orP[/eqP -> //|/exp_lt/ltW]. Qed.

Lemma log_le (s x : R) : 0 < s -> s <= exp x -> log s <= x.
Proof.
move=> s0 h; rewrite leNgt; apply/negP => /exp_lt.
by rewrite exp_log // ltNge h.
Qed.

Lemma log_ge (s x : R) : 0 < s -> exp x <= s -> x <= log s.
Proof.
move=> s0 h; rewrite leNgt; apply/negP => /exp_lt.
by rewrite exp_log // ltNge h.
Qed.

Lemma above1 (x : R) : 0 < 1 + exp x.
Proof. by rewrite addr_gt0 // exp_gt0. Qed.

Lemma softplus_ge0 (x : R) : 0 <= log (1 + exp x).
Proof. by apply: log_ge (above1 x) _; rewrite exp0 lerDl exp_ge0. Qed.

Lemma softplus_ge (x : R) : x <= log (1 + exp x).
Proof. by apply: log_ge (above1 x) _; rewrite lerDr. Qed.

(* Gibbs: with any alpha >= ln(k / c), c the sum of k, and one alone *)
Lemma gibbs_part (k c a x : R) : 0 <= k -> k <= c * exp a -> k - c * exp (- x) <= k * (x + a).
Proof.
move=> k0 hk; have h1 := ler_wpM2l k0 (exp_above (- x - a)); have h2 := ler_wpM2r (exp_ge0 (- x - a)) hk.
move: h1 h2; rewrite -mulrA -exp_add (_ : a + (- x - a) = - x); last by ring.
by rewrite !mulrDr !mulrN; lra.
Qed.

Lemma gibbs n (k alpha z : 'I_n -> R) : (forall j, 0 <= k j) ->
  (forall j, k j <= (\sum_l k l) * exp (alpha j)) ->
  \sum_j - (k j * alpha j) <= \sum_j k j * (log (\sum_l exp (z l)) - z j).
Proof.
case: n k alpha z => [|n] k alpha z k0 hk; first by rewrite !big_ord0.
set S := \sum_l exp (z l); set c := \sum_l k l in hk *.
have S0 : 0 < S by rewrite /S (bigD1 ord0) //= ltr_pwDl ?exp_gt0 // sumr_ge0 // => j _; exact: exp_ge0.
have one : \sum_j exp (- (log S - z j)) = 1.
  under eq_bigr do rewrite opprB exp_add.
  by rewrite -mulr_suml -/S -{1}(exp_log S0) -exp_add subrr exp0.
rewrite -subr_ge0 -sumrB; apply: (@le_trans _ _ (\sum_j (k j - c * exp (- (log S - z j))))).
  by rewrite sumrB -mulr_sumr one mulr1 subrr.
by apply: ler_sum => j _; apply: le_trans (gibbs_part _ (k0 j) (hk j)) _; rewrite opprK mulrDr.
Qed.

(* Gibbs: with any alpha >= ln(a / c) and beta >= ln(b / c) *)
Lemma entropy (a b c x alpha beta : R) : 0 <= a -> 0 <= b -> a + b = c ->
  a <= c * exp alpha -> b <= c * exp beta -> - (a * alpha + b * beta) <= c * log (1 + exp x) - a * x.
Proof.
move=> a0 b0 <- ha hb; set s := log _; have es : exp s = 1 + exp x by exact: exp_log (above1 x).
have part k g y : 0 <= k -> k <= (a + b) * exp g -> k - (a + b) * (exp y / (1 + exp x)) <= k * (s - y + g).
  move=> k0 hk; set w := exp (y - s - g); have ew : exp y / (1 + exp x) = w * exp g.
    have -> : exp y = w * exp g * (1 + exp x).
      by rewrite -es /w -!exp_add; congr exp; ring.
    by rewrite mulfK // gt_eqF // above1.
  have h1 : k * (1 + (y - s - g)) <= k * w by rewrite ler_wpM2l // exp_above.
  have h2 : k * w <= (a + b) * exp g * w by rewrite ler_wpM2r // exp_ge0.
  rewrite ew; move: h1 h2; rewrite [w * exp g]mulrC mulrA; move: (_ * w) (k * w) => z1 z2.
  by rewrite !mulrDr !mulrN; lra.
have := part a alpha x a0 ha; have := part b beta 0 b0 hb; rewrite exp0 subr0.
have -> : 1 / (1 + exp x) = 1 - exp x / (1 + exp x) by field; rewrite gt_eqF // above1.
move: (exp x / _) => z; clear part es; move: s => s h1 h2; nra.
Qed.

(* parameters that make a norm of k entries of it *)
Definition normed (p : norm_form R) k : Prop :=
  match p with
  | Weighted w => forall i : 'I_k, 0 < nth 0 w i
  | Elastic alpha => 0 <= alpha <= 1
  | Groups g | LargestGroup g => forall i : 'I_k, (nth 0%N g i < k)%N
  | _ => True
  end.

Lemma norm_sqr k (u : 'cV[R]_k) : norm L2 u ^+ 2 = sq u.
Proof. by rewrite sq_col sqr_sqrtr //; apply: sumr_ge0 => i _; apply: sqr_ge0. Qed.

Lemma l2_ge0 k (u : 'cV[R]_k) : 0 <= norm L2 u.
Proof. exact: sqrtr_ge0. Qed.

Lemma norm_ge0 p k (u : 'cV[R]_k) : normed p k -> 0 <= norm p u.
Proof.
case: p => [|||w|a|g|g] /= hp; try exact: sqrtr_ge0; try exact: bigmax_ge_id; try by apply: sumr_ge0 => *; rewrite ?sqrtr_ge0.
by case/andP: hp => a0 a1; rewrite addr_ge0 // mulr_ge0 ?sqrtr_ge0 ?subr_ge0 // sumr_ge0.
Qed.

(* a norm is of the sizes of the entries *)
Lemma norm_sizes p k (u v : 'cV[R]_k) : (forall i, `|u i 0| = `|v i 0|) -> norm p u = norm p v.
Proof.
move=> e; have e2 i : u i 0 ^+ 2 = v i 0 ^+ 2 by rewrite -[LHS]real_normK ?num_real // e real_normK ?num_real.
case: p => [|||w|a|g|g]; rewrite /norm; try (by apply: eq_bigr => i _; rewrite e); try by congr Num.sqrt; apply: eq_bigr => i _; rewrite e2.
- congr (_ * _ + _ * Num.sqrt _); by apply: eq_bigr => i _; rewrite ?e ?e2.
- by apply: eq_bigr => c _; congr Num.sqrt; apply: eq_bigr => i _; rewrite e2.
- by apply: eq_bigr => c _; congr Num.sqrt; apply: eq_bigr => i _; rewrite e2.
Qed.

Lemma normZ p k c (u : 'cV[R]_k) : 0 <= c -> norm p (c *: u) = c * norm p u.
Proof.
move=> c0; have e i : `|(c *: u) i 0| = c * `|u i 0| by rewrite mxE normrM ger0_norm.
have sqs P : Num.sqrt (\sum_(j | P j) (c *: u) j 0 ^+ 2) = c * Num.sqrt (\sum_(j | P j) u j 0 ^+ 2).
  rewrite -{2}(ger0_norm c0) -sqrtr_sqr -sqrtrM ?sqr_ge0 // mulr_sumr; congr Num.sqrt.
  by apply: eq_bigr => i _; rewrite mxE exprMn.
have maxes (x y : 'I_k -> R) : (forall i, y i = c * x i) -> \big[Num.max/0]_i y i = c * \big[Num.max/0]_i x i.
  by move=> h; elim/big_rec2: _ => [|i a b _ ->]; rewrite ?mulr0 // h maxr_pMr.
case: p => [|||w|a|g|g]; rewrite /norm.
- by rewrite mulr_sumr; apply: eq_bigr => i _.
- exact: sqs.
- exact: maxes.
- rewrite -{2}(ger0_norm c0) -sqrtr_sqr -sqrtrM ?sqr_ge0 // mulr_sumr; congr Num.sqrt.
  by apply: eq_bigr => i _; rewrite mxE exprMn mulrCA.
- by rewrite sqs mulrDr mulrCA [in RHS]mulrCA [c * \sum_i _]mulr_sumr; congr (_ * _ + _); apply: eq_bigr.
- by rewrite mulr_sumr; apply: eq_bigr => i _.
exact: maxes.
Qed.

Lemma normN p k (x : 'cV[R]_k) : norm p (- x) = norm p x.
Proof. by apply: norm_sizes => i; rewrite mxE normrN. Qed.

(* sums by groups, and Cauchy-Schwarz within one *)
Lemma by_group k (g : seq nat) (x : 'I_k -> R) : (forall i : 'I_k, (nth 0%N g i < k)%N) ->
  \sum_i x i = \sum_(c < k) \sum_(i < k | nth 0%N g i == c) x i.
Proof. by move=> h; rewrite (partition_big (fun i => Ordinal (h i)) xpredT). Qed.

Lemma schwarz_on k (P : pred 'I_k) (x y : 'I_k -> R) d : 0 <= d -> \sum_(i | P i) x i ^+ 2 <= d ^+ 2 ->
  \sum_(i | P i) x i * y i <= d * Num.sqrt (\sum_(i | P i) y i ^+ 2).
Proof.
move=> d0 h; pose on (z : 'I_k -> R) : 'cV[R]_k := \col_i if P i then z i else 0.
have e z : sq (on z) = \sum_(i | P i) z i ^+ 2.
  by rewrite sq_col [RHS]big_mkcond; apply: eq_bigr => i _; rewrite mxE; case: ifP; rewrite ?expr0n.
have -> : \sum_(i | P i) x i * y i = dot (on x) (on y).
  by rewrite dot_col big_mkcond; apply: eq_bigr => i _; rewrite !mxE; case: ifP; rewrite ?mul0r.
apply: le_trans (ler_norm _) _; rewrite -ler_sqr ?nnegrE ?mulr_ge0 ?sqrtr_ge0 // real_normK ?num_real //.
rewrite exprMn sqr_sqrtr; last by apply: sumr_ge0 => i _; exact: sqr_ge0.
by apply: le_trans (cauchy_schwarz _ _) _; rewrite !e ler_wpM2r // sumr_ge0 // => i _; exact: sqr_ge0.
Qed.

Lemma squares_le_square k (x : 'I_k -> R) : (forall i, 0 <= x i) -> \sum_i x i ^+ 2 <= (\sum_i x i) ^+ 2.
Proof.
move=> x0; rewrite expr2 mulr_suml; apply: ler_sum => i _; rewrite expr2 ler_wpM2l // (bigD1 i) //= lerDl.
by apply: sumr_ge0.
Qed.

Lemma group_sqr k (g : seq nat) (u : 'cV[R]_k) c :
  Num.sqrt (\sum_(i < k | nth 0%N g i == c) u i 0 ^+ 2) ^+ 2 = \sum_(i < k | nth 0%N g i == c) u i 0 ^+ 2.
Proof. by rewrite sqr_sqrtr // sumr_ge0 // => i _; exact: sqr_ge0. Qed.

Lemma sq_le_norm p k (u : 'cV[R]_k) : normed p k -> outside_l2 p -> sq u <= norm p u ^+ 2.
Proof.
have l1 : sq u <= norm L1 u ^+ 2.
  have := squares_le_square (fun i => normr_ge0 (u i 0)); apply: le_trans; rewrite sq_col.
  by apply: ler_sum => i _; rewrite real_normK ?num_real.
case: p => [|||w|a|g|g] //= hp _; first by rewrite -norm_sqr.
  case/andP: hp => a0 a1; have s0 : 0 <= norm L2 u := l2_ge0 u.
  have t0 : 0 <= norm L1 u := norm_ge0 (p := L1) u I.
  rewrite -norm_sqr -[norm L2 u]/(Num.sqrt _) -/(norm L1 u) -/(norm L2 u) in l1 *; move: l1; rewrite ler_sqr // => l1.
  by rewrite ler_sqr ?nnegrE ?addr_ge0 ?mulr_ge0 ?subr_ge0 //; nra.
rewrite sq_col (by_group (fun i => u i 0 ^+ 2) hp).
rewrite (eq_bigr (fun c : 'I_k => Num.sqrt (\sum_(i < k | nth 0%N g i == c) u i 0 ^+ 2) ^+ 2)) => [|c _]; last by rewrite group_sqr.
by rewrite /norm; apply: squares_le_square => c; exact: sqrtr_ge0.
Qed.

(* sum d_i u_i^2 <= c |u|^2 for d >= 0 *)
Definition spread_le (p : norm_form R) k (d : 'I_k -> R) (c : R) : Prop :=
  match p with
  | LInf => \sum_i d i <= c
  | Weighted w => forall i : 'I_k, d i <= c * nth 0 w i
  | LargestGroup g => exists y : nat -> R, [/\ forall i, 0 <= y i, forall i, d i <= y (nth 0%N g i) & \sum_(i < k) y i <= c]
  | _ => forall i, d i <= c
  end.

Lemma costs_le p k (d : 'I_k -> R) c (u : 'cV[R]_k) : normed p k -> 0 <= c -> (forall i, 0 <= d i) ->
  spread_le p d c -> \sum_i d i * u i 0 ^+ 2 <= c * norm p u ^+ 2.
Proof.
move=> hp c0 d0; have plain : outside_l2 p -> (forall i, d i <= c) -> \sum_i d i * u i 0 ^+ 2 <= c * norm p u ^+ 2.
  move=> out h; apply: le_trans (ler_wpM2l c0 (sq_le_norm u hp out)); rewrite sq_col mulr_sumr.
  by apply: ler_sum => i _; rewrite ler_wpM2r ?sqr_ge0.
case: p hp plain => [|||w|a|g|g] /= hp plain h; try exact: plain.
- apply: le_trans (ler_wpM2r (sqr_ge0 _) h); rewrite mulr_suml; apply: ler_sum => i _.
  rewrite ler_wpM2l // -real_normK ?num_real // ler_sqr ?nnegrE //; last exact: bigmax_ge_id.
  exact: (le_bigmax _ (fun j => `|u j 0|)).
- rewrite sqr_sqrtr; last by apply: sumr_ge0 => i _; rewrite mulr_ge0 ?sqr_ge0 ?ltW.
  by rewrite mulr_sumr; apply: ler_sum => i _; rewrite [leRHS]mulrA ler_wpM2r ?sqr_ge0.
case: h => y [y0 hy hc]; apply: le_trans (ler_wpM2r (sqr_ge0 _) hc).
rewrite (by_group (fun i => d i * u i 0 ^+ 2) hp) mulr_suml; apply: ler_sum => e _.
apply: (@le_trans _ _ (y e * Num.sqrt (\sum_(i < k | nth 0%N g i == e) u i 0 ^+ 2) ^+ 2)).
  by rewrite group_sqr mulr_sumr; apply: ler_sum => i /eqP <-; rewrite ler_wpM2r ?sqr_ge0.
rewrite ler_wpM2l // ler_sqr ?nnegrE ?sqrtr_ge0 //; last exact: bigmax_ge_id.
exact: (le_bigmax _ (fun e : 'I_k => Num.sqrt (\sum_(i < k | nth 0%N g i == e) u i 0 ^+ 2))).
Qed.

(* of a side: linear in u, it is largest at a corner of a cube, or in one group *)
Definition top_of (s : sign) : R := if s is NonPositive then 0 else 1.
Definition bottom_of (s : sign) : R := if s is NonNegative then 0 else -1.
Definition is_corner (p : norm_form R) (s : sign) k (u : 'cV[R]_k) : Prop :=
  match p with
  | LInf => forall i, u i 0 = top_of s \/ u i 0 = bottom_of s
  | Groups g => u = 0 \/ exists2 c, c \in g & forall i : 'I_k, nth 0%N g i != c -> u i 0 = 0
  | _ => True
  end.

Lemma meetsZ s k (u : 'cV[R]_k) c : 0 <= c -> meets s u -> meets s (c *: u).
Proof.
by move=> c0; case: s => //= h i j; rewrite mxE; [rewrite mulr_ge0|rewrite mulr_ge0_le0].
Qed.

Lemma a_corner p s k (u y : 'cV[R]_k) : normed p k -> (forall g, p = Groups g -> size g = k) ->
  meets s u -> norm p u <= 1 ->
  exists x : 'cV_k, [/\ meets s x, norm p x <= 1, is_corner p s x & dot u y <= dot x y].
Proof.
move=> hp sg mu u1; case: p hp sg u1 => [|||w|a|g|g] hp sg u1; try by exists u.
  pose x : 'cV[R]_k := \col_i if 0 <= y i 0 then top_of s else bottom_of s; exists x; split.
  - by rewrite /x /top_of /bottom_of; case: (s) => //= i j; rewrite mxE; case: ifP => _; rewrite ?ler01 ?oppr_le0 ?ler01.
  - apply: Norms.linf_lub => // i; rewrite mxE /top_of /bottom_of.
    by case: ifP => _; case: (s); rewrite ?normr0 ?normrN ?normr1 ?lexx.
  - by move=> i; rewrite mxE; case: ifP => _; [left|right].
  rewrite !dot_col; apply: ler_sum => i _; rewrite mxE.
  have /ler_normlP[lo hi] : `|u i 0| <= 1 by apply: le_trans u1; exact: Norms.le_linf.
  have [b t] : bottom_of s <= u i 0 /\ u i 0 <= top_of s.
    by rewrite /bottom_of /top_of; case: (s) mu => /= h; have := h; rewrite ?h //; split; lra.
  by case: (leP 0 (y i 0)) => y0; [rewrite ler_wpM2r|rewrite ler_wnM2r // ltW].
have {}sg : size g = k := sg g erefl.
set T := dot u y; have [T0|T0] := leP T 0.
  exists 0; split; rewrite ?dot0l //; try by left.
    by case: (s) => //= i j; rewrite mxE.
  by rewrite -[0](scale0r u) normZ // mul0r ler01.
pose on (c : nat) : 'cV[R]_k := \col_i if nth 0%N g i == c then u i 0 else 0.
pose a (c : nat) : R := Num.sqrt (\sum_(i < k | nth 0%N g i == c) u i 0 ^+ 2).
have a0 (c : nat) : 0 <= a c := sqrtr_ge0 _.
have sumT : T = \sum_(c < k) dot (on c) y.
  rewrite /T dot_col (by_group (fun i => u i 0 * y i 0) hp); apply: eq_bigr => c _.
  by rewrite dot_col big_mkcond; apply: eq_bigr => i _; rewrite mxE; case: ifP => _; rewrite ?mul0r.
have sum_a : \sum_(c < k) a c <= 1 by [].
have zero_on (c : nat) : a c = 0 -> on c = 0.
  move=> /eqP; rewrite sqrtr_eq0 => h; apply/matrixP => i j; rewrite !mxE; case: ifP => // hi.
  apply/eqP; rewrite -sqrf_eq0; apply/eqP/le_anti; rewrite sqr_ge0 andbT; apply: le_trans h.
  by rewrite (bigD1 i) //= lerDl sumr_ge0 // => ? _; exact: sqr_ge0.
case: (pickP (fun c : 'I_k => (0 < a c) && (T * a c <= dot (on c) y))) => [c /andP[ac tc]|no]; last first.
  have pos (c : 'I_k) : 0 <= T * a c - dot (on c) y.
    have := no c; rewrite lt_def a0 andbT; case: eqP => [z _|_ /= /negbT]; first by rewrite zero_on // z mulr0 dot0l subr0.
    by rewrite -ltNge subr_ge0 => /ltW.
  have all0 (c : 'I_k) : T * a c - dot (on c) y = 0.
    have le0 : \sum_(c < k) (T * a c - dot (on c) y) <= 0.
      by rewrite sumrB -mulr_sumr -sumT subr_le0 ger_pMr.
    apply/le_anti; rewrite pos andbT; apply: le_trans le0; rewrite (bigD1 c) //= lerDl sumr_ge0 // => ? _; exact: pos.
  have az (c : 'I_k) : a c = 0.
    apply/eqP; have := no c; rewrite lt_def a0 andbT; case: eqP => //= _ /negbT; rewrite -ltNge.
    by have := all0 c => /eqP; rewrite subr_eq0 => /eqP ->; rewrite ltxx.
  by move: T0; rewrite sumT big1 ?ltxx // => c _; rewrite zero_on ?dot0l.
exists ((a c)^-1 *: on c); have i0 : 0 <= (a c)^-1 by rewrite invr_ge0.
split.
- apply: meetsZ => //; move: mu; case: (s) => //= h i j; rewrite mxE; case: ifP => // _; exact: h.
- rewrite normZ // ler_pdivrMl // mulr1 /norm (bigD1 c) //= [X in _ + X]big1 => [|e ec]; last first.
    rewrite big1 ?sqrtr0 // => i /eqP ei; rewrite mxE ei; case: eqP => [h|_]; last by rewrite expr0n.
    by case/eqP: ec; apply: val_inj.
  by rewrite addr0 le_eqVlt; apply/orP; left; apply/eqP; congr Num.sqrt; apply: eq_bigr => i hi; rewrite mxE hi.
- right; exists (nat_of_ord c).
    case: (pickP (fun i : 'I_k => nth 0%N g i == c)) => [i /eqP <-|none]; first by rewrite mem_nth ?sg.
    by move: ac; rewrite /a big_pred0 ?sqrtr0 ?ltxx.
  by move=> i ic; rewrite !mxE (negPf ic) mulr0.
by rewrite dotZl mulrC ler_pdivlMr.
Qed.

Definition all_ge0 (x : seq R) : Prop := forall k, 0 <= nth 0 x k.

Lemma prod_ge0 x : all_ge0 x -> 0 <= \prod_(y <- x) y.
Proof. by move=> x0; rewrite (big_nth 0) prodr_ge0. Qed.

(* the means of the K-th powers *)
Lemma theta_ge f x : x != [::] -> all_ge0 x -> \prod_(y <- x) y <= theta f x.
Proof.
case: f => // ne x0; rewrite /theta; set K := size x; have K0 : (0 < K)%N by rewrite lt0n size_eq0.
have e (g : R -> R) : \sum_(y <- x) g y = \sum_(i < K) g (nth 0 x i) by rewrite (big_nth 0) big_mkord.
have -> : \prod_(y <- x) y = \prod_(i < K) nth 0 x i by rewrite (big_nth 0) big_mkord.
rewrite (e (fun y => y ^+ K)) {e}; move: K K0 => K K0.
have := @leif_AGM R 'I_K predT (fun i => nth 0 x i ^+ K) (fun i _ => exprn_ge0 K (x0 i)).
rewrite card_ord prodrXl => -[+ _].
by rewrite ler_pXn2r // nnegrE ?prodr_ge0 // divr_ge0 ?sumr_ge0 // => i _; exact: exprn_ge0.
Qed.

Lemma theta_ge0 f x : all_ge0 x -> 0 <= theta f x.
Proof.
move=> x0; case: f; first exact: prod_ge0.
by rewrite /theta (big_nth 0) divr_ge0 // sumr_ge0 // => i _; rewrite exprn_ge0.
Qed.

(* deep networks *)
Lemma sum_of_places d s (G : nat -> nat -> R) :
  \sum_(i < d * s) G (i %/ s)%N (i %% s)%N = \sum_(a < d) \sum_(b < s) G a b.
Proof.
rewrite -(big_mkord xpredT (fun i => G (i %/ s)%N (i %% s)%N)) big_nat_mul big_mkord; apply: eq_bigr => a _.
rewrite -{1}[(a * s)%N]add0n big_addn mulSn addnK big_mkord; apply: eq_bigr => b _.
have s0 := leq_ltn_trans (leq0n _) (ltn_ord b).
by rewrite addnC divnMDl // divn_small // addn0 modnMDl modn_small.
Qed.

Lemma frobenius d e (w : nat -> R) : \sum_(k < d * e) w k ^+ 2 = \sum_(k < d) \sum_(j < e) w (k * e + j)%N ^+ 2.
Proof.
by rewrite -(sum_of_places d e (fun a b => w (a * e + b)%N ^+ 2)); apply: eq_bigr => k _; rewrite -divn_eq.
Qed.

Lemma frobenius_ge0 d e (w : nat -> R) : 0 <= \sum_(k < d * e) w k ^+ 2.
Proof. by apply: sumr_ge0 => k _; exact: sqr_ge0. Qed.

Lemma network_ext a l d (w w' x x' : nat -> R) j : (forall k, (k < d)%N -> x k = x' k) -> w =1 w' ->
  (j < last d l)%N -> network a d l w x j = network a d l w' x' j.
Proof.
elim: l d w w' x x' => [|e l IH] d w w' x x' ex ew; first exact: ex.
have ez i : \sum_(k < d) x k * w (k * e + i)%N = \sum_(k < d) x' k * w' (k * e + i)%N.
  by apply: eq_bigr => k _; rewrite ex ?ew.
case: l IH => [|e' l] IH hj; first exact: ez.
by apply: IH hj => [k _|k]; [rewrite ez|exact: ew].
Qed.

Lemma network_sum (I : finType) l d (w : nat -> R) (c : I -> R) (x : I -> nat -> R) j : (j < last d l)%N ->
  network 1 d l w (fun k => \sum_i c i * x i k) j = \sum_i c i * network 1 d l w (x i) j.
Proof.
have act1 (z : R) : act 1 z = z by rewrite /act mul1r if_same.
elim: l d w x => [|e l IH] d w x //= hj.
have ez i : \sum_(k < d) (\sum_o c o * x o k) * w (k * e + i)%N = \sum_o c o * \sum_(k < d) x o k * w (k * e + i)%N.
  rewrite (eq_bigr (fun k : 'I_d => \sum_o c o * x o k * w (k * e + i)%N)) => [|k _]; last by rewrite mulr_suml.
  by rewrite exchange_big; apply: eq_bigr => o _; rewrite mulr_sumr; apply: eq_bigr => k _; rewrite mulrA.
case: l IH hj => [|e' l] IH hj; first exact: ez.
rewrite -IH //; apply: (@network_ext 1 (e' :: l)) => // k _; rewrite act1 ez; apply: eq_bigr => i _; by rewrite act1.
Qed.

Section Deep.
Variables (M : nat) (a L t : R).
Hypotheses (a0 : 0 <= a) (L1 : 1 <= L) (aL : a <= L) (t0 : 0 <= t).

Lemma act_square z : act a z ^+ 2 <= L ^+ 2 * z ^+ 2.
Proof.
have L0 : 0 <= L := le_trans ler01 L1.
rewrite /act; case: ifP => _; first by rewrite ler_peMl ?sqr_ge0 // expr_ge1.
by rewrite exprMn ler_wpM2r ?sqr_ge0 // ler_sqr ?nnegrE.
Qed.

Lemma acted_square d e (x : 'I_M -> nat -> R) (w : nat -> R) s :
  \sum_i \sum_(j < e) (\sum_(k < d) x i k * w (k * e + j)%N) ^+ 2 <= s ->
  \sum_i \sum_(j < e) act a (\sum_(k < d) x i k * w (k * e + j)%N) ^+ 2 <= L ^+ 2 * s.
Proof.
move/(ler_wpM2l (sqr_ge0 L)); apply: le_trans; rewrite mulr_sumr; apply: ler_sum => i _.
by rewrite mulr_sumr; apply: ler_sum => j _; exact: act_square.
Qed.

Lemma layer_square_le d e (x : 'I_M -> nat -> R) (w : nat -> R) :
  \sum_i \sum_(j < e) (\sum_(k < d) x i k * w (k * e + j)%N) ^+ 2
  <= (\sum_i \sum_(k < d) x i k ^+ 2) * \sum_(k < d * e) w k ^+ 2.
Proof.
rewrite frobenius exchange_big [X in _ * X]exchange_big /= mulr_sumr; apply: ler_sum => j _.
rewrite mulr_suml; apply: ler_sum => i _.
pose y : 'cV[R]_d := \col_k x i k; pose v : 'cV[R]_d := \col_k w (k * e + j)%N.
have := cauchy_schwarz y v; rewrite !sq_col dot_col.
under eq_bigr do rewrite !mxE; under [X in X * _]eq_bigr do rewrite mxE.
by under [X in _ * X]eq_bigr do rewrite mxE.
Qed.

(* <W, network(x)>^2, where |W^T y|^2 <= t |y|^2 *)
Lemma layers_le l d (w : nat -> R) (x W : 'I_M -> nat -> R) : l != [::] ->
  (forall y : 'I_M -> R, \sum_(j < last d l) (\sum_i W i j * y i) ^+ 2 <= t * \sum_i y i ^+ 2) ->
  (\sum_i \sum_(j < last d l) W i j * network a d l w (x i) j) ^+ 2
  <= t * L ^+ (2 * (size l).-1) * (\sum_i \sum_(k < d) x i k ^+ 2) * (\prod_(y <- layer_norms d l w) y) ^+ 2.
Proof.
elim: l d w x => [|e l IH] d w x // _ hW; case: l IH hW => [|e' l] IH hW.
  rewrite /= big_cons big_nil !mulr1 sqr_sqrtr ?frobenius_ge0 //.
  pose A : 'M[R]_(d, e) := \matrix_(k, j) \sum_i W i j * x i k; pose B : 'M[R]_(d, e) := \matrix_(k, j) w (k * e + j)%N.
  have -> : \sum_i \sum_(j < e) W i j * (\sum_(k < d) x i k * w (k * e + j)%N) = dot A B.
    rewrite /dot exchange_big [RHS]exchange_big; apply: eq_bigr => j _ /=.
    under eq_bigr do rewrite mulr_sumr; rewrite exchange_big; apply: eq_bigr => k _.
    by rewrite !mxE mulr_suml; apply: eq_bigr => i _; rewrite mulrA.
  apply: le_trans (cauchy_schwarz _ _) _; apply: ler_pM; rewrite ?sq_ge0 //.
    rewrite /sq /dot [X in t * X]exchange_big mulr_sumr; apply: ler_sum => k _.
    by apply: le_trans (hW (fun i => x i k)); apply: ler_sum => j _; rewrite !mxE -expr2.
  by rewrite frobenius /sq /dot; apply: ler_sum => k _; apply: ler_sum => j _; rewrite !mxE -expr2.
set P := \prod_(y <- layer_norms e (e' :: l) (fun k => w (d * e + k)%N)) y.
have -> : \prod_(y <- layer_norms d (e :: e' :: l) w) y = Num.sqrt (\sum_(k < d * e) w k ^+ 2) * P by rewrite [LHS]big_cons.
apply: le_trans (IH e _ (fun i j => act a (\sum_(k < d) x i k * w (k * e + j)%N)) isT hW) _.
rewrite -/P exprMn sqr_sqrtr ?frobenius_ge0 // [leRHS]mulrA; apply: ler_wpM2r; first exact: sqr_ge0.
have -> : (2 * (size [:: e, e' & l]).-1)%N = (2 + 2 * (size (e' :: l)).-1)%N by rewrite /= mulnS.
have L0 : 0 <= t * L ^+ (2 * (size (e' :: l)).-1) by rewrite mulr_ge0 // exprn_ge0 // (le_trans ler01).
have h := acted_square (layer_square_le d e x w).
apply: le_trans (ler_wpM2l L0 h) _; rewrite le_eqVlt; apply/orP; left; apply/eqP.
by rewrite exprD; ring.
Qed.

(* and of features with |F y|^2 <= s |y|^2 *)
Lemma deep_le s l d e (w : nat -> R) (F_ W : 'I_M -> nat -> R) : l != [::] ->
  (forall y : nat -> R, \sum_i (\sum_(k < d) F_ i k * y k) ^+ 2 <= s * \sum_(k < d) y k ^+ 2) ->
  (forall y : 'I_M -> R, \sum_(j < last e l) (\sum_i W i j * y i) ^+ 2 <= t * \sum_i y i ^+ 2) ->
  (\sum_i \sum_(j < last e l) W i j * network a d (e :: l) w (F_ i) j) ^+ 2
  <= t * s * L ^+ (2 * size l) * (\prod_(y <- layer_norms d (e :: l) w) y) ^+ 2.
Proof.
case: l => [|e' l] // _ hF hW.
set P := \prod_(y <- layer_norms e (e' :: l) (fun k => w (d * e + k)%N)) y.
have -> : \prod_(y <- layer_norms d (e :: e' :: l) w) y = Num.sqrt (\sum_(k < d * e) w k ^+ 2) * P by rewrite [LHS]big_cons.
have h0 := layers_le (l := e' :: l) (d := e) (fun k => w (d * e + k)%N) (fun i j => act a (\sum_(k < d) F_ i k * w (k * e + j)%N)) isT hW.
apply: le_trans h0 _.
rewrite -/P exprMn sqr_sqrtr ?frobenius_ge0 // [leRHS]mulrA; apply: ler_wpM2r; first exact: sqr_ge0.
have -> : (2 * size (e' :: l))%N = (2 + 2 * (size (e' :: l)).-1)%N by rewrite /= mulnS.
have h : \sum_i \sum_(j < e) (\sum_(k < d) F_ i k * w (k * e + j)%N) ^+ 2 <= s * \sum_(k < d * e) w k ^+ 2.
  rewrite frobenius exchange_big [X in _ * X]exchange_big /= mulr_sumr; apply: ler_sum => j _.
  exact: (hF (fun k => w (k * e + j)%N)).
have L0 : 0 <= t * L ^+ (2 * (size (e' :: l)).-1) by rewrite mulr_ge0 // exprn_ge0 // (le_trans ler01).
apply: le_trans (ler_wpM2l L0 (acted_square h)) _; rewrite le_eqVlt; apply/orP; left; apply/eqP.
by rewrite exprD; ring.
Qed.
End Deep.

(* W W^T <= t I or W^T W <= t I bounds u^T W v *)
Lemma polar_rows m n (W : 'M[R]_(m, n)) t (u : 'cV_m) (v : 'cV_n) :
  qf (W *m W^T) u <= t * sq u -> dot u (W *m v) ^+ 2 <= t * (sq u * sq v).
Proof.
move=> h; rewrite dotC dot_mull; apply: le_trans (cauchy_schwarz _ _) _.
by rewrite mulrA mulrC ler_wpM2r ?sq_ge0 // -qf_gram.
Qed.

Lemma polar_columns m n (W : 'M[R]_(m, n)) t (u : 'cV_m) (v : 'cV_n) :
  qf (W^T *m W^T^T) v <= t * sq v -> dot u (W *m v) ^+ 2 <= t * (sq u * sq v).
Proof.
move=> h; apply: le_trans (cauchy_schwarz _ _) _.
by rewrite mulrCA ler_wpM2l ?sq_ge0 // -qf_gramT -{2}(trmxK W).
Qed.

Lemma bilinear_square k l (A : 'M[R]_(k, l)) t (y : 'cV_k) :
  (forall v : 'cV_l, dot y (A *m v) ^+ 2 <= t * (sq y * sq v)) -> 0 <= t -> sq (A^T *m y) <= t * sq y.
Proof.
move=> h t0; have := h (A^T *m y); rewrite dotC dot_mull -/(sq (A^T *m y)) => {}h.
have [z|z] := eqVneq (sq (A^T *m y)) 0; first by rewrite z mulr_ge0 ?sq_ge0.
have pos : 0 < sq (A^T *m y) by rewrite lt_def z sq_ge0.
by move: h; rewrite expr2 mulrA ler_pM2r.
Qed.

Lemma mul_cols m n r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) :
  U *m V^T = \sum_j col j U *m (col j V)^T.
Proof.
apply/matrixP => i k; rewrite mxE summxE; apply: eq_bigr => j _.
by rewrite !mxE big_ord1 !mxE.
Qed.

(* of all but counts: what is left of a datum y where z is fitted (for a label 1 or -1 what its margin
   y z lacks of 1, for a label 0 z, and for a label 1 -z), and what it costs *)
Definition residual (l : loss_form R) (z y : R) : R :=
  if logistic l then (1 - 2 * y) * z else if labelled l then 1 - y * z else y - z.
Definition costs (l : loss_form R) (e : R) : R :=
  match l with
  | Squared => e ^+ 2 / 2
  | Huber delta => if `|e| <= delta then e ^+ 2 / 2 else delta * `|e| - delta ^+ 2 / 2
  | Quantile tau => if 0 <= e then tau * e else (tau - 1) * e
  | Absolute => `|e|
  | Hinge => Num.max 0 e
  | SquaredHinge => Num.max 0 e ^+ 2
  | Logistic => log (1 + exp e)
  | KullbackLeibler | Poisson | Softmax => 0
  end.
Lemma entry_lossE l s z y : ~~ counted l -> entry_loss l s z y = costs l (residual l z y).
Proof. by case: l. Qed.

(* where they are defined, their slopes times c, and what bounds them *)
Definition defined (l : loss_form R) : Prop :=
  match l with Huber delta => 0 <= delta | Quantile tau => 0 <= tau <= 1 | _ => True end.

Lemma costs_ge0 l e : defined l -> 0 <= costs l e.
Proof.
case: l => [|delta|tau||||||| ] /= => [_|d0|/andP[t0 t1]|_|_|_|_|_|_|_] //.
- by rewrite divr_ge0 ?sqr_ge0.
- case: (leP `|e| delta) => [_|/ltW far]; first by rewrite divr_ge0 ?sqr_ge0.
  by have := ler_wpM2l d0 far; have := sqr_ge0 delta; rewrite expr2; lra.
- case: (leP 0 e) => [e0|/ltW e0]; first by rewrite mulr_ge0.
  by rewrite mulr_le0 // subr_le0.
- by rewrite le_max lexx.
- exact: sqr_ge0.
- exact: softplus_ge0.
Qed.

(* z - y ln z + y ln y - y >= y g + z - y e^g *)
Lemma divergence_ge (s y z g : R) : 0 <= y -> finite KullbackLeibler z y ->
  y * g + z - z * exp g <= entry_loss KullbackLeibler s z y.
Proof.
rewrite /finite le_eqVlt => /orP[/eqP <-|y0] [z0 pos] /=.
  by rewrite !mul0r add0r subr0 addr0 subr0 lerBlDr lerDl mulr_ge0 ?exp_ge0.
have /exp_log ez := pos y0; have /exp_log ey := y0.
have := ler_wpM2l (ltW y0) (exp_above (log z + g - log y)).
have -> : y * exp (log z + g - log y) = z * exp g.
  by rewrite -{1}ey -{2}ez -!exp_add; congr exp; ring.
by rewrite !mulrDr mulrN mulr1; move: (y * log z) (y * log y) (y * g) (z * _) => *; lra.
Qed.

Lemma entry_loss_ge0 l s z y : defined l -> ~~ signed l -> (counted l -> 0 <= y) -> finite l z y -> z <= s ->
  0 <= entry_loss l s z y.
Proof.
move=> hd ns hy hf hs; case: (boolP (counted l)) => [|nc]; last by rewrite entry_lossE ?costs_ge0.
case: l hd ns hy hf => //= _ _ /(_ isT) y0 hf _; last by rewrite mulr_ge0 // subr_ge0.
by have := divergence_ge 0 0 y0 hf; rewrite exp0 mulr0 mulr1 add0r subrr.
Qed.

Definition is_slope (l : loss_form R) (c a : R) : Prop :=
  match l with
  | Squared => True
  | Huber delta => - delta * c <= a <= delta * c
  | Quantile tau => (tau - 1) * c <= a <= tau * c
  | Absolute => - c <= a <= c
  | Hinge | Logistic => 0 <= a <= c
  | SquaredHinge => 0 <= a
  | KullbackLeibler | Poisson | Softmax => True
  end.
Definition bent (l : loss_form R) (x : R) : R :=
  match l with Squared | Huber _ => x | SquaredHinge => x / 2 | _ => 0 end.

Lemma slope_le l c a e : ~~ counted l -> 0 < c -> is_slope l c a -> a * e - bent l (a ^+ 2 / c) / 2 <= c * costs l e.
Proof.
move=> nc c0; have square x k : k * x - k ^+ 2 / c / 2 <= c * (x ^+ 2 / 2).
  have : 0 <= (c * x - k) ^+ 2 / c by rewrite divr_ge0 ?sqr_ge0 ?ltW.
  have -> : (c * x - k) ^+ 2 / c = c * x ^+ 2 - 2 * (k * x) + k ^+ 2 / c by field; rewrite gt_eqF.
  by move: (_ / c) => y; lra.
have sized : a * e <= `|a| * `|e| by rewrite -normrM ler_norm.
case: l nc => [|delta|tau||||||| ] //= _;
  [move=> h|move=> /andP[lo hi]|move=> h|move=> /andP[a0 ac]|move=> a0|move=> /andP[a0 ac]].
- have {}h : `|a| <= delta * c by rewrite ler_norml -mulNr.
  case: (leP `|e| delta) => [_|/ltW far]; first exact: square.
  have gap : 0 <= (delta * c - `|a|) * (`|e| - delta) by rewrite mulr_ge0 ?subr_ge0.
  have := square delta `|a|; rewrite real_normK ?num_real //.
  by move: (a ^+ 2 / c) gap => y; rewrite expr2; lra.
- rewrite mul0r subr0; case: (leP 0 e) => [e0|/ltW e0].
    by rewrite mulrA (mulrC c) ler_wpM2r.
  by rewrite mulrA (mulrC c) ler_wnM2r.
- by rewrite mul0r subr0; apply: le_trans sized _; rewrite ler_wpM2r ?ler_norml.
- rewrite mul0r subr0; case: (leP e 0) => [e0|/ltW e0].
    by rewrite mulr0 mulr_ge0_le0.
  by rewrite ler_wpM2r.
- case: (leP e 0) => [e0|/ltW e0].
    have : a * e <= 0 by rewrite mulr_ge0_le0.
    have : 0 <= a ^+ 2 / c by rewrite divr_ge0 ?sqr_ge0 ?ltW.
    by rewrite expr0n mulr0; lra.
  have := square (2 * e) a; rewrite exprMn; move: (a ^+ 2 / c) => y; lra.
- rewrite mul0r subr0; case: (leP e 0) => [e0|/ltW e0].
    by apply: le_trans (_ : 0 <= _); rewrite ?mulr_ge0_le0 // mulr_ge0 ?softplus_ge0 ?ltW.
  apply: le_trans (ler_wpM2l a0 (softplus_ge e)) _; rewrite ler_wpM2r ?softplus_ge0 //.
Qed.

(* w z + c h(z; y) is at least w y, less what the square leaves *)
Definition turned (l : loss_form R) (y w : R) : R :=
  if logistic l then (2 * y - 1) * w else if labelled l then y * w else w.

Lemma entry_dual l c x z y w : ~~ transcendental l -> 0 < c \/ c = 0 /\ w = 0 -> (labelled l -> c * (y ^+ 2 - 1) = 0) ->
  is_slope l c (turned l y w) ->
  w * y - bent l (w ^+ 2 / c) / 2 <= c * entry_loss l x z y + w * z.
Proof.
rewrite /transcendental negb_or => /andP[/negPf nl nc]; rewrite entry_lossE //.
have -> : residual l z y = if labelled l then 1 - y * z else y - z by rewrite /residual nl.
case=> [c0|[-> ->]]; last first.
  by move=> _ _; rewrite expr0n !mul0r; case: (l) => *; rewrite /= ?mul0r subrr ?addr0.
move=> hl; rewrite /turned nl => /(slope_le (if labelled l then 1 - y * z else y - z) nc c0).
case: ifP hl => [_ /(_ isT)/eqP|_ _]; last by move: (bent _ _) (costs _ _) => x1 x2; lra.
rewrite mulf_eq0 gt_eqF //= subr_eq0 => /eqP yy.
rewrite exprMn yy mul1r; have -> : y * w * (1 - y * z) = w * y - y ^+ 2 * w * z by ring.
by rewrite yy mul1r; move: (bent _ _) (costs _ _) => x1 x2; lra.
Qed.

Lemma bent_sum l (I : finType) (x : I -> R) : \sum_i bent l (x i) = bent l (\sum_i x i).
Proof. by case: l => *; rewrite /= ?big1_eq // mulr_suml. Qed.

Lemma bentZ l s x : bent l (s * x) = s * bent l x.
Proof. by case: l => *; rewrite /= ?mulr0 // mulrA. Qed.

(* without a free bias, and of what the rest is a multiple *)
Definition paid (free : bool) k r (U : 'M[R]_(k, r)) : 'M[R]_(k, r) :=
  \matrix_(i, j) if free && (i.+1 == k)%N then 0 else U i j.
Definition last_ (free : bool) k : 'cV[R]_k := \col_i (free && (i.+1 == k)%N)%:R.

Lemma paid_add free k (u : 'cV[R]_k) b : paid free (paid free u + b *: last_ free k) = paid free u.
Proof.
by apply/matrixP => i j; rewrite !mxE; case: (free && _); rewrite ?mulr0 ?addr0.
Qed.

Lemma paid_rest free k (u : 'cV[R]_k) : exists b, u = paid free u + b *: last_ free k.
Proof.
case: (pickP (fun i : 'I_k => free && (i.+1 == k)%N)) => [l hl|no]; last first.
  by exists 0; apply/matrixP => i j; rewrite !mxE no mul0r addr0 !ord1.
exists (u l 0); apply/matrixP => i j; rewrite !mxE !ord1; case: ifP => hi; last by rewrite mulr0 addr0.
have -> : i = l.
  by apply: val_inj; move: hi hl => /andP[_ /eqP hi] /andP[_ /eqP hl]; apply: succn_inj; rewrite hi hl.
by rewrite mulr1 add0r.
Qed.

Lemma sq_last free k : sq (last_ free k) <= 1.
Proof.
rewrite sq_col; case: (pickP (fun i : 'I_k => free && (i.+1 == k)%N)) => [l hl|no]; last first.
  by rewrite big1 // => i _; rewrite mxE no expr0n.
rewrite (bigD1 l) //= mxE hl expr1n big1 ?addr0 // => i il; rewrite mxE.
case: andP => [[_ /eqP hi]|_]; last by rewrite expr0n.
by case/eqP: il; apply: val_inj; case/andP: hl => _ /eqP hl; apply: succn_inj; rewrite hi hl.
Qed.

Variable q : question R.
Let m := m q. Let n := n q. Let ins := inputs q.
Hypothesis C0 : forall i j, 0 <= C q i j.
Hypothesis l0 : 0 <= lam q.
Hypothesis hd : defined (loss q).
Hypothesis P0 : forall j, 0 <= ridge_a q 0 j.
Hypothesis Q0 : forall i, 0 <= ridge_b q i 0.
Hypothesis X0 : forall k l, 0 <= ridge_x q k l.
Hypothesis R0 : forall k l, 0 <= rho_x q k l.
Hypothesis normL : normed (left_norm q) ins.
Hypothesis normR : normed (right_norm q) n.
Hypothesis normM : forall k, normed (nth L2 (mode_norms q) k) (nth (0%N, Free) (tensor_modes q) k).1.
Hypothesis L0 : 0 <= l1_left q /\ 0 <= l1_right q.

(* hidden units, one by one *)
Lemma hidden_col r (U : 'M[R]_(ins, r)) j : col j (hidden U) = hidden (col j U).
Proof.
have e k : activations (col j U) k 0 = activations U k j 
  by rewrite /activations !mxE; congr act; apply: eq_bigr => l _; rewrite mxE.
have c0 : col 0 (col j U) = col j U by apply/matrixP => i l; rewrite !mxE.
apply/matrixP => i l; rewrite !mxE !ord1 c0; case: (widths q) => [|d l'] //; case: (left_modes q) => // .
by case: ifP => _; apply: eq_bigr => k _; rewrite e.
Qed.

(* neither a deep network nor a tensor *)
Definition flat : Prop := widths q = [::] /\ left_modes q = [::].

(* sums of patches, and W on them *)
Definition pooling : 'M[R]_(m, patches q) := \matrix_(i, k) (row_of_patch q k == i)%:R.
Definition pulled (W : 'M[R]_(m, n)) : 'M[R]_(patches q, n) := pooling^T *m W.

Lemma pulledE (W : 'M[R]_(m, n)) r (U : 'M[R]_(ins, r)) : flat -> ~~ take_largest q ->
  W^T *m hidden U = (pulled W)^T *m activations U.
Proof.
move=> [f1 f2] /negbTE no; rewrite /pulled trmx_mul trmxK -mulmxA; congr (_ *m _); apply/matrixP => i j.
rewrite !mxE f1 f2 no big_mkcond; apply: eq_bigr => k _; rewrite [pooling i k]mxE.
by case: ifP => _; rewrite ?mul1r ?mul0r.
Qed.

Lemma pulled_at W (i : 'I_(patches q)) j (h : (row_of_patch q i < m)%N) : pulled W i j = W (Ordinal h) j.
Proof.
rewrite mxE (bigD1 (Ordinal h)) //= big1 ?addr0 => [|k kh]; first by rewrite !mxE eqxx mul1r.
by rewrite !mxE; case: eqP => [e|_]; [case/eqP: kh; apply: val_inj|rewrite mul0r].
Qed.

(* U V^T and the offsets *)
Definition means (a : 'rV[R]_n) (b : 'cV[R]_m) : 'M[R]_(m, n) :=
  (const_mx 1 : 'cV_m) *m a + b *m (const_mx 1 : 'rV_n).
(* A X B^T *)
Definition designed X : 'M[R]_(m, n) := left_design q *m X *m (right_design q)^T.
Definition fit r (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)) (o : offsets q) : 'M[R]_(m, n) :=
  U *m V^T + means (of_columns o) (of_rows o) + designed (of_designs o).

Lemma fitE r (U : 'M_(m, r)) (V : 'M_(n, r)) o i j :
  fit U V o i j = (U *m V^T) i j + of_columns o 0 j + of_rows o i 0 + designed (of_designs o) i j.
Proof.
rewrite /fit /means [LHS]mxE; congr (_ + _); rewrite [LHS]mxE [X in _ + X]mxE addrA.
by congr (_ + _ + _); rewrite mxE big_ord1 mxE ?mul1r ?mulr1.
Qed.

Lemma pricedZ c r (U : 'M[R]_(ins, r)) : priced (c *: U) = c *: priced U.
Proof. by apply/matrixP => i j; rewrite !mxE; case: ifP => _; rewrite ?mulr0. Qed.

Lemma priced_all r (U : 'M[R]_(ins, r)) : ~~ free_bias q -> priced U = U.
Proof. by move=> /negPf no; apply/matrixP => i j; rewrite !mxE no. Qed.

Definition cost_of (z y : 'I_n -> R) j : R := entry_loss (loss q) (log (\sum_k exp (z k))) (z j) (y j).

(* what factors cost *)
Definition price r (U : 'M[R]_(ins, r)) (V : 'M[R]_(n, r)) : R :=
  lam q * (\sum_k theta (form q) (sizes (col k U) (col k V)))
  + \sum_k (l1_left q * norm L1 (col k U) + l1_right q * norm L1 (col k V)).

Lemma objectiveE r (U : 'M_(ins, r)) (V : 'M_(n, r)) o : objective U V o =
  \sum_i \sum_j C q i j * cost_of (fit (hidden U) V o i) (Y q i) j + ridge o + price U V.
Proof.
rewrite /price [RHS]addrA; congr (_ + _ + _ + _); apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite /cost_of fitE.
by under [in RHS]eq_bigr do rewrite fitE.
Qed.

Lemma sizesE (u : 'cV[R]_ins) v : flat -> sizes u v = [:: norm (left_norm q) (priced u); norm (right_norm q) v].
Proof. by case=> f1 f2; rewrite /sizes f1 f2. Qed.

Lemma prod_sizesE (u : 'cV[R]_ins) v : flat ->
  \prod_(y <- sizes u v) y = norm (left_norm q) (priced u) * norm (right_norm q) v.
Proof. by move=> f; rewrite sizesE // !big_cons big_nil mulr1. Qed.

Lemma sizes_ge0 (u : 'cV[R]_ins) v : all_ge0 (sizes u v).
Proof.
rewrite /sizes; case: (widths q) => [|d l]; last first.
  by elim: l d (number u) => [|e l IH] d w [|k] //=; rewrite ?sqrtr_ge0 //; exact: IH.
case: (left_modes q) => [|x l] k; first by case: k => [|[|k]] //=; rewrite ?norm_ge0 // nth_nil.
have [hk|hk] := ltnP k (size (tensor_modes q)); last by rewrite nth_default ?size_mkseq.
by rewrite nth_mkseq // norm_ge0 //; exact: normM.
Qed.

Lemma sizes_ne (u : 'cV[R]_ins) v : size (widths q) != 1 -> sizes u v != [::].
Proof.
rewrite /sizes; case: (widths q) => [|d [|e l]] // _; case e : (left_modes q) => [|x l] //.
by rewrite -size_eq0 size_mkseq /tensor_modes e.
Qed.

Lemma l1_ge0 r (U : 'M_(ins, r)) (V : 'M_(n, r)) :
  0 <= \sum_k (l1_left q * norm L1 (col k U) + l1_right q * norm L1 (col k V)).
Proof.
by have [a0 b0] := L0; rewrite sumr_ge0 // => k _; rewrite addr_ge0 // mulr_ge0 // (@norm_ge0 L1).
Qed.

Lemma price_ge0 r (U : 'M_(ins, r)) (V : 'M_(n, r)) : 0 <= price U V.
Proof.
by rewrite addr_ge0 ?l1_ge0 // mulr_ge0 // sumr_ge0 // => j _; rewrite theta_ge0 //; exact: sizes_ge0.
Qed.

Lemma ridge_ge0 (o : offsets q) : 0 <= ridge o.
Proof.
rewrite /ridge !addr_ge0 // sumr_ge0 // => j _; try by rewrite mulr_ge0 ?sqr_ge0 // divr_ge0.
by rewrite sumr_ge0 // => l _; rewrite addr_ge0 // mulr_ge0 ?sqr_ge0 // divr_ge0.
Qed.

Lemma finiteE r (U : 'M_(ins, r)) (V : 'M_(n, r)) o i j : competes U V o -> 0 < C q i j ->
  finite (loss q) (fit (hidden U) V o i j) (Y q i j).
Proof. by rewrite fitE; case=> _ _ _; exact. Qed.

Lemma log_sum_ge k (z : 'I_k -> R) j : z j <= log (\sum_k exp (z k)).
Proof.
have h : exp (z j) <= \sum_k exp (z k).
  by rewrite (bigD1 j) //= lerDl; apply: sumr_ge0 => i _; exact: exp_ge0.
by apply: (log_ge _ h); apply: lt_le_trans h; exact: exp_gt0.
Qed.

(* no objective is negative, but of counts *)
Lemma objective_ge0 r (U : 'M_(ins, r)) (V : 'M_(n, r)) o : ~~ signed (loss q) ->
  (counted (loss q) -> forall i j, 0 <= C q i j * Y q i j) -> competes U V o -> 0 <= objective U V o.
Proof.
move=> ns hy hx; rewrite objectiveE; apply: addr_ge0; last exact: price_ge0.
apply: addr_ge0; last exact: ridge_ge0.
apply: sumr_ge0 => i _; apply: sumr_ge0 => j _; case: (ltP 0 (C q i j)) => [c0|]; last first.
  by rewrite le_eqVlt ltNge C0 orbF => /eqP ->; rewrite mul0r.
rewrite pmulr_rge0 // entry_loss_ge0 //; [|exact: finiteE hx c0|exact: log_sum_ge].
by move=> hc; have := hy hc i j; rewrite pmulr_rge0.
Qed.

(* (u^T W v)^2 <= t |u|^2 |v|^2 for all u, v of their signs with u^T W v >= 0 *)
Definition square_le (W : 'M[R]_(m, n)) t : Prop :=
  forall (u : 'cV_m) (v : 'cV_n), meets (left q) u -> meets (right q) v ->
  0 <= dot u (W *m v) -> dot u (W *m v) ^+ 2 <= t * (sq u * sq v).

Lemma meets_col s k r (U : 'M[R]_(k, r)) j : meets s U -> meets s (col j U).
Proof. by case: s => //= h i j'; rewrite mxE. Qed.

(* with multipliers N, u^T N v >= 0 *)
Lemma square_le_more (W N : 'M[R]_(m, n)) t :
  (forall (u : 'cV_m) (v : 'cV_n), meets (left q) u -> meets (right q) v -> 0 <= dot u (N *m v)) ->
  square_le (W + N) t -> square_le W t.
Proof.
move=> hN h u v hu hv w0; have n0 := hN u v hu hv; have := h u v hu hv.
rewrite mulmxDl dotDr => /(_ (addr_ge0 w0 n0)); apply: le_trans.
by rewrite ler_sqr ?nnegrE ?addr_ge0 // lerDl.
Qed.

(* by the form z^T hat z = 2 u^T W v on a cone *)
Lemma hat_le (W : 'M[R]_(m, n)) t (u : 'cV_m) (v : 'cV_n) : 0 <= t -> 0 <= dot u (W *m v) ->
  (forall a b, 0 <= a -> 0 <= b -> let z := col_mx (a *: u) (b *: v) in
   qf (block_mx 0 W W^T 0) z <= t * sq z) -> dot u (W *m v) ^+ 2 <= t * t * (sq u * sq v).
Proof.
move=> t0 w0 h; set a := norm L2 u; set b := norm L2 v.
have a0 : 0 <= a := l2_ge0 u; have b0 : 0 <= b := l2_ge0 v.
have := h b a b0 a0; rewrite /= qf_hat -scalemxAr dotZl dotZr /sq dot_col_mx -!/(sq _) !sqZ -!norm_sqr -/a -/b => e.
have e' : b * a * dot u (W *m v) <= t * (a ^+ 2 * b ^+ 2) by move: e; lra.
have ab : dot u (W *m v) * (a * b) <= (t * (a * b)) * (a * b).
  by move: e'; rewrite [_ * (a * b) * (a * b)](_ : _ = t * (a ^+ 2 * b ^+ 2)); [lra|ring].
have [z|ab0] := eqVneq (a * b) 0.
  have [->|->] : u = 0 \/ v = 0.
  - move/eqP: z; rewrite mulf_eq0 => /orP[] /eqP z0; [left|right]; apply: sq_eq0;
      by rewrite -norm_sqr -?/a -?/b z0 expr0n.
  - by rewrite dot0l -exprMn z expr0n mulr0.
  by rewrite mulmx0 dot0r -exprMn z expr0n mulr0.
have pos : 0 < a * b by rewrite lt_def ab0 mulr_ge0.
move: ab; rewrite ler_pM2r // => ab.
rewrite -ler_sqr ?nnegrE // in ab; last by rewrite !mulr_ge0.
by apply: le_trans ab _; rewrite le_eqVlt; apply/orP; left; apply/eqP; ring.
Qed.

(* c/2 (z - y)^2 + x z >= x y - x^2 / (2 c) *)
Lemma entry (c z y x : R) : 0 < c \/ c = 0 /\ x = 0 ->
  x * y - x ^+ 2 / c / 2 <= c / 2 * (z - y) ^+ 2 + x * z.
Proof.
case=> [c0|[-> ->]]; last by rewrite !mul0r expr0n !mul0r subrr addr0.
have e : c * (x ^+ 2 / c) = x ^+ 2 by rewrite mulrC divfK // gt_eqF.
have h : 0 <= (c * (z - y) + x) ^+ 2 / c by rewrite divr_ge0 ?sqr_ge0 ?ltW.
have : (c * (z - y) + x) ^+ 2 / c = c * (z - y) ^+ 2 + 2 * x * (z - y) + x ^+ 2 / c.
  by field; rewrite gt_eqF.
by move: h; move: (_ / c) (x ^+ 2 / c) => a b; lra.
Qed.

(* one slice of a tensor, its vectors of their signs *)
Definition signed_by (l : modes) (x : nat -> nat -> R) : Prop := forall k i, of_sign (nth (0%N, Free) l k).2 (x k i).
Lemma completes_col r (U : 'M[R]_(ins, r)) V j : completes U V -> completes (col j U) (col j V).
Proof.
have c0 : col 0 (col j U) = col j U by apply/matrixP => i l; rewrite !mxE.
rewrite /completes; case: (widths q) => [|d l]; last by move=> ->; apply/matrixP => i l'; rewrite !mxE.
by case: (left_modes q) => // d l h i j'; rewrite ord1 c0 mxE h.
Qed.

(* (s(F u)^T W v)^2 <= t |u|^2 |v|^2 in the question's norms, and without a layer *)
Definition polar_le (W : 'M[R]_(m, n)) t : Prop :=
  forall (u : 'cV_ins) (v : 'cV_n), meets (left q) u -> meets (right q) v ->
  completes u v -> signed_by (tensor_modes q) (vector u) -> 0 <= dot (hidden u) (W *m v) ->
  dot (hidden u) (W *m v) ^+ 2 <= t * (\prod_(y <- sizes u v) y) ^+ 2.
Definition plain_le (W : 'M[R]_(m, n)) t : Prop :=
  forall (u : 'cV_m) (v : 'cV_n), meets (left q) u -> meets (right q) v -> 0 <= dot u (W *m v) ->
  dot u (W *m v) ^+ 2 <= t * (norm (left_norm q) u * norm (right_norm q) v) ^+ 2.

Lemma polar_le_plain W t (e : ins = m) : flat -> ~~ free_bias q -> (forall u : 'cV_ins, hidden u = castmx (e, erefl) u) ->
  plain_le W t -> polar_le W t.
Proof.
move=> f no hu h u v mu mv _ _; rewrite prod_sizesE // hu (priced_all _ no).
have [-> mu'] : norm (left_norm q) u = norm (left_norm q) (castmx (e, erefl) u)
    /\ meets (left q) (castmx (e, erefl) u).
  by move: mu {h hu mv}; case: m / e => mu; rewrite castmx_id.
exact: h.
Qed.

(* W = z X + E: |E| |s(F u)|_2 |v|_2 more *)
Lemma near_le (W X E : 'M[R]_(m, n)) z t c x y : polar_le X t -> W = z *: X + E -> 0 <= z ->
  (forall (u : 'cV_ins) v, completes u v -> sq (hidden u) * sq v <= c * (\prod_(e <- sizes u v) e) ^+ 2) ->
  0 <= x -> t <= x ^+ 2 -> 0 <= y -> sq E * c <= y ^+ 2 -> polar_le W ((z * x + y) ^+ 2).
Proof.
move=> h -> z0 hc x0 hx y0 hy u v mu mv cu su; set a := \prod_(e <- sizes u v) e.
have a0 : 0 <= a by apply: prod_ge0; exact: sizes_ge0.
rewrite mulmxDl dotDr -scalemxAl dotZr.
have h1 : dot (hidden u) (X *m v) <= x * a.
  have [neg|pos] := leP (dot (hidden u) (X *m v)) 0; first by apply: le_trans neg _; rewrite mulr_ge0.
  have p0 := ltW pos; have : dot (hidden u) (X *m v) ^+ 2 <= (x * a) ^+ 2.
    by rewrite [leRHS]exprMn; apply: le_trans (h u v mu mv cu su p0) _; rewrite ler_wpM2r ?sqr_ge0.
  by rewrite ler_sqr ?nnegrE // mulr_ge0.
have h2 : dot (hidden u) (E *m v) <= y * a.
  apply: le_trans (ler_norm _) _; suff : `|dot (hidden u) (E *m v)| ^+ 2 <= (y * a) ^+ 2.
    by rewrite ler_sqr ?nnegrE // mulr_ge0.
  rewrite real_normK ?num_real // [leRHS]exprMn; apply: le_trans (ler_wpM2r (sqr_ge0 a) hy).
  rewrite -dot_outer; apply: le_trans (cauchy_schwarz _ _) _; rewrite sq_outer -mulrA.
  by rewrite ler_wpM2l ?sq_ge0 //; exact: hc.
move=> w0; have p0 : 0 <= z * x + y by rewrite addr_ge0 // mulr_ge0.
rewrite -[leRHS]exprMn ler_sqr ?nnegrE //; last by rewrite mulr_ge0.
by rewrite mulrDl -mulrA; apply: lerD h2; rewrite ler_wpM2l.
Qed.

(* and of x_i / s_i in the place of x_i, with s_i W_ij s'_j in the place of W *)
Lemma polar_le_scaled (W X : 'M[R]_(m, n)) s s' c c' t : normed (left_norm q) m -> 0 <= t -> 0 <= c -> 0 <= c' ->
  (forall i, 0 < s i) -> (forall j, 0 < s' j) -> (forall i j, X i j = s i * s' j * W i j) ->
  spread_le (left_norm q) (fun i => (s i ^+ 2)^-1) c -> spread_le (right_norm q) (fun j => (s' j ^+ 2)^-1) c' ->
  square_le X t -> plain_le W (t * (c * c')).
Proof.
move=> normL' t0 c0 c0' s0 s0' eX hc hc' h u v hu hv.
pose y : 'cV[R]_m := \col_i (u i 0 / s i); pose z : 'cV[R]_n := \col_j (v j 0 / s' j).
have meets_ k (x : 'cV[R]_k) (r : 'I_k -> R) g : (forall i, 0 < r i) -> meets g x -> meets g (\col_i (x i 0 / r i)).
  move=> r0; case: g => //= hx i j; rewrite mxE; first by rewrite divr_ge0 // ltW.
  by rewrite mulr_le0_ge0 // invr_ge0 ltW.
have squares k (x : 'cV[R]_k) (r : 'I_k -> R) : sq (\col_i (x i 0 / r i)) = \sum_i (r i ^+ 2)^-1 * x i 0 ^+ 2.
  by rewrite sq_col; apply: eq_bigr => i _; rewrite mxE exprMn exprVn mulrC.
have -> : dot u (W *m v) = dot y (X *m z).
  rewrite !dot_col; apply: eq_bigr => i _; rewrite !mxE !mulr_sumr; apply: eq_bigr => j _.
  by rewrite eX !mxE; field; rewrite !gt_eqF.
move=> w0; apply: le_trans (h y z (meets_ _ _ _ _ s0 hu) (meets_ _ _ _ _ s0' hv) w0) _.
rewrite -mulrA ler_wpM2l // !squares exprMn mulrACA.
have pos k (x : 'cV[R]_k) (r : 'I_k -> R) : 0 <= \sum_i (r i ^+ 2)^-1 * x i 0 ^+ 2.
  by apply: sumr_ge0 => i _; rewrite mulr_ge0 ?invr_ge0 ?sqr_ge0.
by apply: ler_pM => //; apply: costs_le => // i; rewrite invr_ge0 sqr_ge0.
Qed.
Lemma plain_le_unit (W : 'M[R]_(m, n)) x : normed (left_norm q) m -> 0 <= x ->
  (forall (u : 'cV_m) (v : 'cV_n), meets (left q) u -> meets (right q) v ->
    norm (left_norm q) u <= 1 -> norm (right_norm q) v <= 1 -> dot u (W *m v) <= x) ->
  plain_le W (x * x).
Proof.
move=> normL' x0 h u v hu hv w0; set a := norm _ u; set b := norm _ v.
have a0 : 0 <= a := norm_ge0 u normL'; have b0 : 0 <= b := norm_ge0 v normR.
suff le_ : dot u (W *m v) <= x * (a * b) by rewrite -expr2 -exprMn ler_sqr ?nnegrE ?(le_trans w0 le_).
have near e : 0 < e -> dot u (W *m v) <= x * ((a + e) * (b + e)).
  move=> e0; have [ae be] : 0 < a + e /\ 0 < b + e by split; lra.
  have i0 (y : R) : 0 < y -> 0 <= y^-1 by move=> y0; rewrite invr_ge0 ltW.
  have := h ((a + e)^-1 *: u) ((b + e)^-1 *: v) (meetsZ (i0 _ ae) hu) (meetsZ (i0 _ be) hv).
  rewrite !normZ ?i0 // -/a -/b !ler_pdivrMl // !mulr1 !lerDl (ltW e0) => /(_ isT isT).
  by rewrite -scalemxAr dotZl dotZr ler_pdivrMl // ler_pdivrMl // mulrA [x * _]mulrC; congr (_ <= _); ring.
rewrite leNgt; apply/negP => gap; set d := dot u (W *m v) - x * (a * b).
have d0 : 0 < d by rewrite subr_gt0.
set K := x * (a + b + 1) + 1; have K0 : 0 < K by rewrite ltr_wpDl // mulr_ge0 // !addr_ge0.
set e := Num.min 1 (d / K); have e0 : 0 < e by rewrite lt_min ltr01 divr_gt0.
have e1 : e <= 1 by rewrite ge_min lexx.
have eK : K * e <= d by rewrite mulrC -ler_pdivlMr // ge_min lexx orbT.
have := near e e0; rewrite leNgt => /negP; apply.
have ee : e * e <= e by rewrite ger_pMr.
have xe := ler_wpM2l x0 ee; move: eK d0; rewrite /K /d; lra.
Qed.
(* lines: where |u| is an l1 norm, u^T W v <= |u| max W_i v, of the rows that u's signs allow *)
Definition row_le (p : norm_form R) (s' : sign) k l (W : 'M[R]_(k, l)) (d : R) : Prop :=
  forall i (v : 'cV_l), meets s' v -> (W *m v) i 0 <= d * norm p v.
Definition rows_le_ (s : sign) p s' k l (W : 'M[R]_(k, l)) (d : R) : Prop :=
  match s with
  | Free => row_le p s' W d /\ row_le p s' (- W) d
  | NonNegative => row_le p s' W d
  | NonPositive => row_le p s' (- W) d
  end.

Lemma lines_le s p s' k l (W : 'M[R]_(k, l)) d (u : 'cV_k) (v : 'cV_l) : rows_le_ s p s' W d ->
  meets s u -> meets s' v -> dot u (W *m v) <= d * (norm L1 u * norm p v).
Proof.
move=> h hu hv; rewrite dot_col mulrCA /norm mulr_suml; apply: ler_sum => i _.
have pos : 0 <= u i 0 -> row_le p s' W d -> u i 0 * (W *m v) i 0 <= `|u i 0| * (d * norm p v).
  by move=> u0 hW; rewrite ger0_norm // ler_wpM2l // hW.
have neg : u i 0 <= 0 -> row_le p s' (- W) d -> u i 0 * (W *m v) i 0 <= `|u i 0| * (d * norm p v).
  move=> u0 /(_ i v hv); rewrite mulNmx mxE => hW.
  by rewrite ler0_norm // -mulrNN ler_wpM2l // oppr_ge0.
case: s h hu => /= [[h1 h2] _|h1 hu|h1 hu].
- by case: (leP 0 (u i 0)) => [/pos|/ltW/neg]; exact.
- by apply: pos => //; exact: hu.
- by apply: neg => //; exact: hu.
Qed.

Lemma polar_le_rows (W : 'M[R]_(m, n)) d : left_norm q = L1 ->
  rows_le_ (left q) (right_norm q) (right q) W d -> plain_le W (d ^+ 2).
Proof.
move=> e h u v hu hv w0; rewrite -exprMn e ler_sqr ?nnegrE ?(le_trans w0) // (lines_le h) //.
Qed.

Lemma polar_le_columns (W : 'M[R]_(m, n)) d : right_norm q = L1 ->
  rows_le_ (right q) (left_norm q) (left q) W^T d -> plain_le W (d ^+ 2).
Proof.
move=> e h u v hu hv; have -> : dot u (W *m v) = dot v (W^T *m u) by rewrite dotC dot_mull.
move=> w0; rewrite -exprMn e [norm _ u * _]mulrC ler_sqr ?nnegrE ?(le_trans w0) // (lines_le h) //.
Qed.

(* what a row w gives v of a sign: |w v| <= sum of what v can meet *)
Definition meet (s : sign) (x : R) : R :=
  match s with Free => `|x| | NonNegative => Num.max x 0 | NonPositive => Num.max (- x) 0 end.

Lemma meet_ge0 s x : 0 <= meet s x.
Proof. by case: s => /=; rewrite ?normr_ge0 // le_max lexx orbT. Qed.

Definition dual_square_le (p : norm_form R) s k (w : 'I_k -> R) t : Prop :=
  match p with
  | L1 => forall j, meet s (w j) ^+ 2 <= t
  | L2 => \sum_j meet s (w j) ^+ 2 <= t
  | LInf => (\sum_j meet s (w j)) ^+ 2 <= t
  | Weighted c => \sum_(j < k) meet s (w j) ^+ 2 / nth 0 c j <= t
  | Elastic alpha => \sum_j meet s (w j) ^+ 2 <= t \/ exists y, [/\ 0 <= y, y ^+ 2 <= t
      & \sum_j Num.max 0 (meet s (w j) - alpha * y) ^+ 2 <= ((1 - alpha) * y) ^+ 2]
  | Groups g => forall c : 'I_k, \sum_(j < k | nth 0%N g j == c) meet s (w j) ^+ 2 <= t
  | LargestGroup g => exists y : 'I_k -> R, (\sum_c y c) ^+ 2 <= t
      /\ forall c : 'I_k, 0 <= y c /\ \sum_(j < k | nth 0%N g j == c) meet s (w j) ^+ 2 <= y c ^+ 2
  end.

Lemma dual_more p s k (w : 'I_k -> R) t t' : t <= t' -> dual_square_le p s w t -> dual_square_le p s w t'.
Proof.
move=> tt; have go x : x <= t -> x <= t' by move=> h; exact: le_trans h tt.
case: p => [|||w'|a|g|g] /=; try exact: go; try (by move=> h j; exact: go).
  by case=> [/go|[y [y0 /go y1 h]]]; [left|right; exists y].
by case=> y [/go y1 h]; exists y.
Qed.

Lemma dual_le p s k (w : 'I_k -> R) d (v : 'cV[R]_k) : normed p k -> 0 <= d -> meets s v ->
  dual_square_le p s w (d ^+ 2) -> \sum_j w j * v j 0 <= d * norm p v.
Proof.
move=> hp d0 hv h; have: \sum_j w j * v j 0 <= \sum_j meet s (w j) * `|v j 0|.
  apply: ler_sum => j _; case: s hv {h} => /= [_|/(_ j 0) v0|/(_ j 0) v0].
  - by rewrite -normrM ler_norm.
  - by rewrite ger0_norm // ler_wpM2r // le_max lexx.
  - by rewrite ler0_norm // -mulrNN ler_wpM2r ?oppr_ge0 // le_max lexx.
have same P : \sum_(j | P j) `|v j 0| ^+ 2 = \sum_(j : 'I_k | P j) v j 0 ^+ 2.
  by apply: eq_bigr => j _; rewrite real_normK ?num_real.
have l2 e x : 0 <= e -> \sum_j x j ^+ 2 <= e ^+ 2 -> \sum_j x j * `|v j 0| <= e * norm L2 v.
  by move=> e0 /(schwarz_on (fun j => `|v j 0|) e0); rewrite same.
move/le_trans; apply; case: p hp h => [|||w'|a|g|g] /= hp h.
- rewrite mulr_sumr; apply: ler_sum => j _; rewrite ler_wpM2r //.
  by rewrite -ler_sqr ?nnegrE ?meet_ge0.
- exact: l2.
- rewrite ler_sqr ?nnegrE ?sumr_ge0 // in h => [|j _]; last exact: meet_ge0.
  apply: le_trans (ler_wpM2r (norm_ge0 (p := LInf) v I) h); rewrite mulr_suml; apply: ler_sum => j _.
  by rewrite ler_wpM2l ?meet_ge0 //; exact: (le_bigmax _ (fun j => `|v j 0|)).
- pose r j := Num.sqrt (nth 0 w' (j : 'I_k)); have r0 j : r j != 0 by rewrite sqrtr_eq0 -ltNge.
  have r2 j : r j ^+ 2 = nth 0 w' j by rewrite sqr_sqrtr // ltW.
  have -> : \sum_j meet s (w j) * `|v j 0| = \sum_j meet s (w j) / r j * (r j * `|v j 0|).
    by apply: eq_bigr => j _; rewrite mulrA divfK.
  apply: le_trans (schwarz_on _ d0 _) _.
    by apply: le_trans h; apply: ler_sum => j _; rewrite exprMn exprVn r2.
  rewrite le_eqVlt; apply/orP; left; apply/eqP; congr (_ * Num.sqrt _); apply: eq_bigr => j _.
  by rewrite exprMn r2 real_normK ?num_real.
- have [a0 a1] := andP hp; case: h => [h|[y [y0 yd h]]].
    apply: le_trans (l2 _ _ d0 h) _; rewrite ler_wpM2l //; have := sq_le_norm (p := Elastic a) v hp isT.
    rewrite -norm_sqr ler_sqr ?nnegrE ?l2_ge0 //; exact: (norm_ge0 (p := Elastic a)).
  have yd' : y <= d by rewrite -ler_sqr.
  apply: le_trans (ler_wpM2r (norm_ge0 (p := Elastic a) v hp) yd'); rewrite mulrDr.
  apply: (@le_trans _ _ (\sum_j (a * y * `|v j 0| + Num.max 0 (meet s (w j) - a * y) * `|v j 0|))).
    by apply: ler_sum => j _; rewrite -mulrDl ler_wpM2r // -lerBlDl le_max lexx orbT.
  rewrite big_split -mulr_sumr; apply: lerD; first by rewrite mulrA [a * y]mulrC.
  by rewrite mulrA [y * _]mulrC; apply: l2 => //; rewrite mulr_ge0 // subr_ge0.
- rewrite (by_group (fun j => meet s (w j) * `|v j 0|) hp) mulr_sumr; apply: ler_sum => c _.
  by apply: le_trans (schwarz_on _ d0 (h c)) _; rewrite same.
case: h => y [hy h]; have y0 : 0 <= \sum_c y c by apply: sumr_ge0 => c _; case: (h c).
rewrite ler_sqr ?nnegrE // in hy; apply: le_trans (ler_wpM2r (norm_ge0 (p := LargestGroup g) v hp) hy).
rewrite (by_group (fun j => meet s (w j) * `|v j 0|) hp) mulr_suml; apply: ler_sum => c _; have [yc hc] := h c.
apply: le_trans (schwarz_on _ yc hc) _; rewrite same ler_wpM2l //.
exact: (le_bigmax _ (fun c : 'I_k => Num.sqrt (\sum_(i < k | nth 0%N g i == c) v i 0 ^+ 2))).
Qed.

(* a hidden layer: what it gives u of length 1 bounds it, |s(F (c u))| = c |s(F u)| *)
Lemma hiddenZ c (u : 'cV_ins) : flat -> 0 <= c -> hidden (c *: u) = c *: hidden u.
Proof.
move=> [f1 f2] c0; have e k j : activations (c *: u) k j = c * activations u k j.
  by rewrite /activations -scalemxAr !mxE; exact: Network.actM.
apply/matrixP => i j; rewrite !mxE f1 f2; case: ifP => _; under eq_bigr do rewrite e; last by rewrite mulr_sumr.
by rewrite (big_morph (fun x => c * x) (fun x y => maxr_pMr x y c0) (mulr0 c)).
Qed.

Lemma hidden0 (u : 'cV_ins) : flat -> F q *m u = 0 -> hidden u = 0.
Proof.
move=> [f1 f2] e; apply/matrixP => i j; rewrite !mxE f1 f2.
by case: ifP => _; elim/big_rec: _ => // k x _ ->; rewrite /activations e !mxE /act lexx ?addr0 ?maxxx.
Qed.

Lemma meet_le s x : meet s x ^+ 2 <= x ^+ 2.
Proof.
rewrite -[X in _ <= X]real_normK ?num_real // ler_sqr ?nnegrE ?meet_ge0 //.
case: s => //=; rewrite ge_max normr_ge0 andbT ?ler_norm //.
by rewrite -normrN ler_norm.
Qed.

(* what v of length 1, of its sign, meets of y is at most a root of t *)
Definition met_le (y : 'cV[R]_n) t : Prop :=
  forall v, meets (right q) v -> \sum_j y j 0 * v j 0 <= Num.sqrt t * norm (right_norm q) v.

Lemma met_le_dual (y : 'cV[R]_n) t : 0 <= t ->
  dual_square_le (right_norm q) (right q) (fun j => y j 0) t -> met_le y t.
Proof.
by move=> t0 h v hv; apply: (dual_le (s := right q)) => //; [exact: sqrtr_ge0|rewrite sqr_sqrtr].
Qed.
Lemma met_le_sq (y : 'cV[R]_n) c t : 0 <= c -> spread_le (right_norm q) (fun j : 'I_n => 1) c ->
  sq y <= t -> met_le y (t * c).
Proof.
move=> c0 hc ht v _; have t0 := le_trans (sq_ge0 y) ht; rewrite sqrtrM // -mulrA.
have -> : \sum_j y j 0 * v j 0 = dot y v by rewrite dot_col.
apply: le_trans (ler_norm _) _; rewrite -ler_sqr ?nnegrE ?mulr_ge0 ?sqrtr_ge0 ?norm_ge0 // real_normK ?num_real //.
rewrite !exprMn !sqr_sqrtr //; apply: le_trans (cauchy_schwarz _ _) _; apply: ler_pM; rewrite ?sq_ge0 //.
have := costs_le v normR c0 (fun j => ler01) hc; under eq_bigr do rewrite mul1r.
by rewrite sq_col.
Qed.

(* a free bias: its feature is a constant, and W sums to 0 over the patches *)
Definition biased (W : 'M[R]_(m, n)) : Prop :=
  [/\ ~~ take_largest q, exists c, F q *m last_ (free_bias q) ins = const_mx c & forall j, \sum_i pulled W i j = 0].

Lemma polar_le_layer (W : 'M[R]_(m, n)) t : flat -> outside_l2 (left_norm q) -> 0 <= t -> (free_bias q -> biased W) ->
  (forall u : 'cV_ins, sq (priced u) = 1 -> met_le (W^T *m hidden u) t) -> polar_le W t.
Proof.
move=> f out t0 hb h u v _ hv _ _.
have -> : dot (hidden u) (W *m v) = \sum_j (W^T *m hidden u) j 0 * v j 0.
  by rewrite dotC dot_mull dotC dot_col.
rewrite prod_sizesE //; set c := norm L2 (priced u); have [z|z] := eqVneq (sq (priced u)) 0.
  have [b eu] : exists b, u = priced u + b *: last_ (free_bias q) ins := paid_rest _ u.
  rewrite (sq_eq0 z) add0r in eu.
  have -> : W^T *m hidden u = 0.
    case: (boolP (free_bias q)) => [/hb[sum_ [x ec] w0]|nf]; last first.
      by rewrite hidden0 ?mulmx0 // -[u](priced_all _ nf) (sq_eq0 z) mulmx0.
    rewrite pulledE //; apply/matrixP => j i; rewrite ord1 [RHS]mxE mxE.
    rewrite (eq_bigr (fun l => pulled W l j * act (slope q) (b * x))) => [|l _].
      by rewrite -mulr_suml w0 mul0r.
    by rewrite [_^T j l]mxE /activations eu -scalemxAr ec !mxE.
  move=> _; rewrite big1 => [|j _]; last by rewrite mxE mul0r.
  by rewrite expr0n mulr_ge0 ?sqr_ge0.
have c0 : 0 < c by rewrite lt_def l2_ge0 andbT -sqrf_eq0 norm_sqr.
pose u' := c^-1 *: u; have eu : u = c *: u' by rewrite scalerA divff ?scale1r // gt_eqF.
have pu' : priced u' = c^-1 *: priced u by rewrite pricedZ.
have su : sq (priced u') = 1 by rewrite pu' sqZ exprVn norm_sqr mulVf.
have := h _ su; rewrite /met_le; set y := W^T *m _ => hy.
have -> : \sum_j (W^T *m hidden u) j 0 * v j 0 = c * \sum_j y j 0 * v j 0.
  rewrite {1}eu (hiddenZ _ f (ltW c0)) -scalemxAr mulr_sumr; apply: eq_bigr => j _.
  by rewrite [(c *: _ : 'cV_n) j 0]mxE mulrA.
have le_ := hy v hv.
rewrite pmulr_rge0 // exprMn norm_sqr => y0.
have le2 : (\sum_j y j 0 * v j 0) ^+ 2 <= t * norm (right_norm q) v ^+ 2.
  rewrite -(sqr_sqrtr t0) -exprMn ler_sqr ?nnegrE //.
  by rewrite mulr_ge0 ?sqrtr_ge0 ?norm_ge0.
apply: le_trans (ler_wpM2l (sq_ge0 (priced u)) le2) _.
rewrite mulrCA ler_wpM2l // exprMn ler_wpM2r ?sqr_ge0 //.
exact: sq_le_norm.
Qed.

Definition over (W : 'M[R]_(m, n)) : R := \sum_i \sum_j W i j ^+ 2 / C q i j.

(* the sums of W: 0 where the offsets cost nothing; and what W earns of them at most *)
Definition column_sum (W : 'M[R]_(m, n)) j : R := ((const_mx 1 : 'rV_m) *m W) 0 j.
Definition row_sum (W : 'M[R]_(m, n)) i : R := (W *m (const_mx 1 : 'cV_n)) i 0.
Definition affords (p t : R) : Prop := 0 < p \/ p = 0 /\ t = 0.
Definition design_sum (W : 'M[R]_(m, n)) : 'M[R]_(left_width q, right_width q) :=
  (left_design q)^T *m W *m right_design q.
Definition affordable (s : R) (W : 'M[R]_(m, n)) : Prop :=
  [/\ columns q -> forall j, affords (ridge_a q 0 j) (column_sum W j),
      rows q -> forall i, affords (ridge_b q i 0) (row_sum W i)
    & forall (k : 'I_(left_width q)) (l : 'I_(right_width q)), fitted_x q k l -> 0 < ridge_x q k l \/ s * `|design_sum W k l| <= rho_x q k l].
Definition column_cost (W : 'M[R]_(m, n)) : R :=
  if columns q then \sum_j column_sum W j ^+ 2 / ridge_a q 0 j else 0.
Definition row_cost (W : 'M[R]_(m, n)) : R :=
  if rows q then \sum_i row_sum W i ^+ 2 / ridge_b q i 0 else 0.
Definition design_cost (W : 'M[R]_(m, n)) : R :=
  \sum_(k < left_width q) \sum_(l < right_width q) (if fitted_x q k l then design_sum W k l ^+ 2 / ridge_x q k l else 0).
Definition cost W : R := column_cost W + row_cost W + design_cost W.

(* s t z <= p / 2 z^2 + s^2 / 2 t^2 / p *)
Lemma earn (p t z s : R) : affords p t -> s * (z * t) <= p / 2 * z ^+ 2 + s ^+ 2 / 2 * (t ^+ 2 / p).
Proof.
move=> h; have hx : affords p (- (s * t)).
  by case: h => [|[-> ->]]; [left|right; rewrite mulr0 oppr0].
have := entry z 0 hx; rewrite mulr0 subr0 sqrrN exprMn -[s ^+ 2 * t ^+ 2 / p]mulrA.
by move: (t ^+ 2 / p) => x; lra.
Qed.

(* and with what sizes cost *)
Lemma earn_x (p rho t z s : R) : 0 <= s -> 0 <= p -> 0 <= rho -> 0 < p \/ s * `|t| <= rho ->
  s * (t * z) <= p / 2 * z ^+ 2 + rho * `|z| + s ^+ 2 / 2 * (t ^+ 2 / p).
Proof.
move=> s0 p0 rho0 [pos|h].
  have := earn z s (or_introl pos : affords p t); rewrite [t * z]mulrC => /le_trans; apply.
  by rewrite lerD2r lerDl mulr_ge0.
have c0 : 0 <= s ^+ 2 / 2 * (t ^+ 2 / p) by rewrite mulr_ge0 // divr_ge0 ?sqr_ge0.
have z0 : 0 <= p / 2 * z ^+ 2 by rewrite mulr_ge0 ?sqr_ge0 // divr_ge0.
have : s * (t * z) <= rho * `|z|.
  by apply: le_trans (ler_wpM2r (normr_ge0 z) h); rewrite -mulrA -normrM ler_wpM2l // ler_norm.
by move: c0 z0; move: (s ^+ 2 / 2 * _) (p / 2 * _) (rho * _) => x y w; lra.
Qed.

Lemma earns W s r (U : 'M_(ins, r)) (V : 'M_(n, r)) o : 0 <= s -> affordable s W -> competes U V o ->
  s * dot W (fit (hidden U) V o) <= s * dot W (hidden U *m V^T) + ridge o + s ^+ 2 * cost W / 2.
Proof.
move=> s0 [hc hr hx] [_ [ha hb hz] _ _]; set a := of_columns o in ha *; set b := of_rows o in hb *.
have -> : dot W (fit (hidden U) V o)
    = dot W (hidden U *m V^T) + \sum_j a 0 j * column_sum W j + \sum_i b i 0 * row_sum W i
      + \sum_k \sum_l design_sum W k l * of_designs o k l.
  rewrite /fit /means !dotDr addrA; congr (_ + _ + _ + _); rewrite dotC.
  - by rewrite dot_mull trmx_const /dot big_ord1.
  - by rewrite dot_mulr trmx_const dot_col.
  by rewrite /designed -mulmxA dot_mull dot_mulr trmxK dotC.
have h3 : s * (\sum_k \sum_l design_sum W k l * of_designs o k l)
    <= \sum_k \sum_l (ridge_x q k l / 2 * of_designs o k l ^+ 2 + rho_x q k l * `|of_designs o k l|)
      + s ^+ 2 / 2 * design_cost W.
  rewrite /design_cost !mulr_sumr -big_split; apply: ler_sum => k _; rewrite !mulr_sumr -big_split.
  apply: ler_sum => l _; case: ifP (hz k l) => [/hx h _|_ [->|//]]; first exact: earn_x.
  by rewrite expr0n /= normr0 !mulr0 !addr0 lexx.
have h1 : s * (\sum_j a 0 j * column_sum W j) <= \sum_j ridge_a q 0 j / 2 * a 0 j ^+ 2
    + s ^+ 2 / 2 * column_cost W.
  rewrite /column_cost; case: (boolP (columns q)) => [/hc h|/ha ->].
    by rewrite !mulr_sumr -big_split; apply: ler_sum => j _; exact: earn.
  rewrite big1 => [|j _]; last by rewrite mxE mul0r.
  by rewrite !mulr0 addr0 sumr_ge0 // => j _; rewrite mulr_ge0 ?sqr_ge0 // divr_ge0.
have h2 : s * (\sum_i b i 0 * row_sum W i) <= \sum_i ridge_b q i 0 / 2 * b i 0 ^+ 2
    + s ^+ 2 / 2 * row_cost W.
  rewrite /row_cost; case: (boolP (rows q)) => [/hr h|/hb ->].
    by rewrite !mulr_sumr -big_split; apply: ler_sum => i _; exact: earn.
  rewrite big1 => [|i _]; last by rewrite mxE mul0r.
  by rewrite !mulr0 addr0 sumr_ge0 // => i _; rewrite mulr_ge0 ?sqr_ge0 // divr_ge0.
by rewrite /ridge /cost -/a -/b; lra.
Qed.

Lemma priced_le (W : 'M[R]_(m, n)) t s : size (widths q) != 1 -> polar_le W t ->
  0 <= s -> s ^+ 2 * t <= lam q ^+ 2 -> forall r (U : 'M_(ins, r)) (V : 'M_(n, r)),
  meets (left q) U -> meets (right q) V -> completes U V ->
  (forall j, signed_by (tensor_modes q) (vector (col j U))) ->
  s * dot W (hidden U *m V^T) <= lam q * \sum_j theta (form q) (sizes (col j U) (col j V)).
Proof.
move=> ne ht s0 st r U V mU mV cU sU; rewrite mul_cols dot_sumr !mulr_sumr; apply: ler_sum => j _.
apply: le_trans (ler_wpM2l l0 (theta_ge _ (sizes_ne _ _ ne) (sizes_ge0 _ _))); rewrite dot_outer hidden_col.
set size := \prod_(y <- _) y; have r0 : 0 <= lam q * size by rewrite mulr_ge0 // prod_ge0 //; exact: sizes_ge0.
have [neg|pos] := leP (s * dot (hidden (col j U)) (W *m col j V)) 0; first exact: le_trans neg r0.
rewrite -ler_sqr ?nnegrE ?(ltW pos) // !exprMn.
have earn : 0 <= dot (hidden (col j U)) (W *m col j V).
  by rewrite leNgt; apply/negP => /ltW neg; have := mulr_ge0_le0 s0 neg; rewrite leNgt pos.
apply: le_trans (ler_wpM2l (sqr_ge0 s) (ht _ _ (meets_col _ mU) (meets_col _ mV) (completes_col _ cU) (sU j) earn)) _.
by have := ler_wpM2r (sqr_ge0 size) st; rewrite -mulrA.
Qed.

Lemma entry_entropy (c x z y w alpha beta : R) : 0 < c \/ c = 0 /\ w = 0 -> c * (y * (y - 1)) = 0 ->
  is_slope Logistic c (turned Logistic y w) ->
  let a := turned Logistic y w in a <= c * exp alpha -> c - a <= c * exp beta ->
  - (a * alpha + (c - a) * beta) <= c * entry_loss Logistic x z y + w * z.
Proof.
rewrite /turned /= => hc hy /andP[a0 ac] ha hb; rewrite -subr_ge0 in ac.
have ab : (2 * y - 1) * w + (c - (2 * y - 1) * w) = c by rewrite addrC subrK.
have := entropy ((1 - 2 * y) * z) a0 ac ab ha hb; move/le_trans; apply.
rewrite le_eqVlt; apply/orP; left; apply/eqP; congr (_ + _).
case: hc => [c0|[_ ->]]; last by rewrite mulr0 !mul0r oppr0.
move: hy => /eqP; rewrite mulf_eq0 gt_eqF //= => /eqP hy.
by rewrite -[w * z]mulr1 [in RHS](_ : 1 = 1 + 4 * (y * (y - 1))); [ring|rewrite hy mulr0 addr0].
Qed.

(* of counts: with any gamma <= ln((c + w) / c), and alpha >= ln((c y - w) / c) *)
Lemma entry_divergence (c x z y w gamma : R) : 0 < c \/ c = 0 /\ w = 0 ->
  (0 < c -> 0 <= y /\ finite KullbackLeibler z y) ->
  0 <= c + w -> (y = 0 \/ c * exp gamma <= c + w) ->
  c * y * gamma <= c * entry_loss KullbackLeibler x z y + w * z.
Proof.
case=> [c0 /(_ c0) [y0 hf]|[-> ->] _ _ _]; last by rewrite !mul0r addr0.
have z0 : 0 <= z by case: hf.
case=> cw [->|hg]; first by rewrite /= mulr0 !mul0r subr0 addr0 subr0 -mulrDl mulr_ge0.
have := ler_wpM2l (ltW c0) (divergence_ge x gamma y0 hf); have := ler_wpM2r z0 hg.
by move: (entry_loss _ _ _ _) (exp gamma) => k g; lra.
Qed.

Lemma entry_poisson (c x z y w alpha : R) : let k := c * y - w in 0 <= k -> k <= c * exp alpha ->
  k - k * alpha <= c * entry_loss Poisson x z y + w * z.
Proof.
move=> k k0 hk /=; have -> : c * (exp z - y * z) + w * z = c * exp z - k * z by rewrite /k; ring.
have := ler_wpM2r (exp_ge0 (z - alpha)) hk; rewrite -mulrA -exp_add [alpha + _]addrC subrK.
have := ler_wpM2l k0 (exp_above (z - alpha)); clearbody k.
by move: (exp _) (exp _) => *; lra.
Qed.

(* the question with another price: products of other norms, and no l1 penalty *)
Definition repriced (lam' : R) (p p' : norm_form R) (z : R) : question R :=
  @Question R m n ins (r0 q) (patches q) (F q) (slope q) (row_of_patch q) (take_largest q) (features q)
    (widths q) (free_bias q) (Y q) (C q) (loss q) lam' Product p p' z z (left q) (right q) (left_modes q)
    (right_modes q) (mode_norms q) (one_vector q) (columns q) (rows q) (ridge_a q) (ridge_b q) (left_width q) (right_width q) (left_design q)
    (right_design q) (fitted_x q) (ridge_x q) (rho_x q) (own_size q) (U0 q) (V0 q) (a0 q) (b0 q) (x0 q) (found q)
    (rtol q) (atol q).

Lemma objective_repriced lam' p p' z r (U : 'M_(ins, r)) (V : 'M_(n, r)) (o : offsets q) :
  let q' := repriced lam' p p' z in
  let o' := Offsets (q := q') (of_columns o) (of_rows o) (of_designs o) in
  z = 0 -> competes U V o -> competes (q := q') U V o' /\
  objective (q := q') U V o'
  = objective U V o - price U V
    + lam' * \sum_k \prod_(y <- sizes (q := q') (col k U) (col k V)) y.
Proof.
move=> q' o' z0 hx; split; first exact: hx.
set S := \sum_k _; have -> : objective U V o - price U V
    = \sum_i \sum_j C q i j
        * entry_loss (loss q) (log (\sum_k exp (fitted U V o i k))) (fitted U V o i j) (Y q i j) + ridge o.
  by rewrite /objective /price -[_ + _ + \sum_k _]addrA addrK.
have -> : lam' * S = lam' * S + \sum_(k < r) (z * norm L1 (col k U) + z * norm L1 (col k V)).
  by rewrite z0 big1 ?addr0 // => k _; rewrite !mul0r addr0.
by rewrite addrA.
Qed.

Section Dual.
Variables (W : 'M[R]_(m, n)) (s : R).
Hypothesis s_ge0 : 0 <= s.
Hypothesis ho : affordable s W.

(* what the factors cost more than s W takes of them: nothing less, where s W's polar is at most lam *)
Definition margin r (U : 'M[R]_(ins, r)) (V : 'M[R]_(n, r)) : R :=
  price U V - s * dot W (hidden U *m V^T).

Lemma margin_ge0 t : size (widths q) != 1 -> polar_le W t -> 0 <= s -> s ^+ 2 * t <= lam q ^+ 2 ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o -> 0 <= margin U V.
Proof.
move=> ne ht s0 st r U V o [[mU mV cU sU] _ _ _]; have := priced_le ne ht s0 st mU mV cU sU.
by have := l1_ge0 U V; rewrite /margin /price; lra.
Qed.

(* D is below each row's loss and what W takes of it *)
Lemma weak_duality_of (D : 'I_m -> 'I_n -> R) :
  (forall i z, (forall j, 0 < C q i j -> finite (loss q) (z j) (Y q i j)) ->
   \sum_j D i j <= \sum_j (C q i j * cost_of z (Y q i) j + s * W i j * z j)) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  \sum_i \sum_j D i j - s ^+ 2 * cost W / 2 + margin U V <= objective U V o.
Proof.
move=> hD r U V o hx; rewrite objectiveE; set Z := fit (hidden U) V o.
have hW := earns s_ge0 ho hx; rewrite -/Z in hW.
have hL : \sum_i \sum_j D i j <= \sum_i \sum_j C q i j * cost_of (Z i) (Y q i) j + s * dot W Z.
  rewrite /dot mulr_sumr -big_split; apply: ler_sum => i _; rewrite mulr_sumr -big_split /=.
  apply: le_trans (hD i (Z i) (fun j => finiteE hx)) _.
  by under [leRHS]eq_bigr do rewrite mulrA.
by rewrite /margin; lra.
Qed.

(* or below each entry's *)
Lemma weak_duality_by (D : 'I_m -> 'I_n -> R) :
  (forall i j x z, (0 < C q i j -> finite (loss q) z (Y q i j)) ->
   D i j <= C q i j * entry_loss (loss q) x z (Y q i j) + s * W i j * z) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  \sum_i \sum_j D i j - s ^+ 2 * cost W / 2 + margin U V <= objective U V o.
Proof. by move=> hD; apply: weak_duality_of => i z hz; apply: ler_sum => j _; exact: hD (hz j). Qed.

Theorem weak_duality : ~~ transcendental (loss q) -> (forall i j, 0 < C q i j \/ C q i j = 0 /\ W i j = 0) ->
  (labelled (loss q) -> forall i j, C q i j * (Y q i j ^+ 2 - 1) = 0) ->
  (forall i j, is_slope (loss q) (C q i j) (turned (loss q) (Y q i j) (s * W i j))) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  s * dot W (Y q) - s ^+ 2 * (bent (loss q) (over W) + cost W) / 2 + margin U V <= objective U V o.
Proof.
move=> nl hC hl hs r U V o hx.
pose D i j := s * W i j * Y q i j - bent (loss q) ((s * W i j) ^+ 2 / C q i j) / 2.
have low i j x z : D i j <= C q i j * entry_loss (loss q) x z (Y q i j) + s * W i j * z.
  have hc : 0 < C q i j \/ C q i j = 0 /\ s * W i j = 0.
    by case: (hC i j) => [|[-> ->]]; [left|right; rewrite mulr0].
  exact: (entry_dual x z nl hc (fun h => hl h i j) (hs i j)).
apply: le_trans (weak_duality_by (fun i j x z _ => low i j x z) hx); rewrite lerD2r mulrDr mulrDl opprD addrA lerD2r /over -bent_sum /dot.
rewrite !mulr_sumr mulr_suml -sumrB; apply: ler_sum => i _.
rewrite -bent_sum !mulr_sumr mulr_suml -sumrB; apply: ler_sum => j _.
rewrite /D (_ : (s * W i j) ^+ 2 / C q i j = s ^+ 2 * (W i j ^+ 2 / C q i j)); last by rewrite exprMn mulrA.
by rewrite (bentZ _ (s ^+ 2)); move: (bent _ _) => z; lra.
Qed.

(* of a label 0 or 1, with numbers alpha and beta for the logarithms of a / c and of 1 - a / c *)
Theorem weak_duality_logistic (alpha beta : 'I_m -> 'I_n -> R) : loss q = Logistic ->
  let a i j := turned Logistic (Y q i j) (s * W i j) in
  (forall i j, 0 < C q i j \/ C q i j = 0 /\ W i j = 0) ->
  (forall i j, C q i j * (Y q i j * (Y q i j - 1)) = 0) ->
  (forall i j, [/\ is_slope Logistic (C q i j) (a i j), a i j <= C q i j * exp (alpha i j)
                 & C q i j - a i j <= C q i j * exp (beta i j)]) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  \sum_i \sum_j - (a i j * alpha i j + (C q i j - a i j) * beta i j) - s ^+ 2 * cost W / 2 + margin U V
  <= objective U V o.
Proof.
move=> el a hC hl hs; apply: weak_duality_by => i j x z _; rewrite el.
have hc : 0 < C q i j \/ C q i j = 0 /\ s * W i j = 0.
  by case: (hC i j) => [|[-> ->]]; [left|right; rewrite mulr0].
by have [h1 h2 h3] := hs i j; exact: entry_entropy hc (hl i j) h1 h2 h3.
Qed.

(* of counts, with numbers for the logarithms of (c + w) / c, and of (c y - w) / c *)
Theorem weak_duality_divergence (gamma : 'I_m -> 'I_n -> R) : loss q = KullbackLeibler ->
  (forall i j, 0 < C q i j \/ C q i j = 0 /\ W i j = 0) ->
  (forall i j, 0 <= C q i j * Y q i j) ->
  (forall i j, 0 <= C q i j + s * W i j /\
     (Y q i j = 0 \/ C q i j * exp (gamma i j) <= C q i j + s * W i j)) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  \sum_i \sum_j C q i j * Y q i j * gamma i j - s ^+ 2 * cost W / 2 + margin U V <= objective U V o.
Proof.
move=> el hC hy hs; apply: weak_duality_by => i j x z; rewrite el => hf.
have hc : 0 < C q i j \/ C q i j = 0 /\ s * W i j = 0.
  by case: (hC i j) => [|[-> ->]]; [left|right; rewrite mulr0].
have [h1 h2] := hs i j; apply: entry_divergence hc _ h1 h2 => c0; split; last exact: hf.
by have := hy i j; rewrite pmulr_rge0.
Qed.

Theorem weak_duality_poisson (alpha : 'I_m -> 'I_n -> R) : loss q = Poisson ->
  let k i j := C q i j * Y q i j - s * W i j in
  (forall i j, 0 <= k i j /\ k i j <= C q i j * exp (alpha i j)) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  \sum_i \sum_j (k i j - k i j * alpha i j) - s ^+ 2 * cost W / 2 + margin U V <= objective U V o.
Proof.
move=> el k hs; apply: weak_duality_by => i j x z _; rewrite el.
by have [h1 h2] := hs i j; exact: entry_poisson.
Qed.

(* of classes, with numbers for the logarithms of k / (the sum of its row) *)
Theorem weak_duality_softmax (alpha : 'I_m -> 'I_n -> R) : loss q = Softmax ->
  let k i j := C q i j * Y q i j - s * W i j in
  (forall i, \sum_j s * W i j = 0) ->
  (forall i j, 0 <= k i j /\ k i j <= (\sum_l k i l) * exp (alpha i j)) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  \sum_i \sum_j - (k i j * alpha i j) - s ^+ 2 * cost W / 2 + margin U V <= objective U V o.
Proof.
move=> el k w0 hs; apply: weak_duality_of => i z _; rewrite /cost_of el /=.
set S := \sum_k exp (z k); apply: le_trans (gibbs z (fun j => proj1 (hs i j)) (fun j => proj2 (hs i j))) _.
rewrite -subr_ge0 -sumrB (eq_bigr (fun j => s * W i j * log S)) => [|j _]; first by rewrite -mulr_suml w0 mul0r.
by rewrite /k -/S /=; move: (log S) => l; ring.
Qed.

(* the same, with what it leaves over; all entries are seen, and weigh 1 *)
Theorem left_over : loss q = Squared -> (forall i j, C q i j = 1) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  s * dot W (Y q) - s ^+ 2 * (sq W + cost W) / 2 + sq (Y q - s *: W - fit (hidden U) V o) / 2 + margin U V
  <= objective U V o.
Proof.
move=> sq_ C1 r U V o hx; rewrite objectiveE.
have -> : \sum_i \sum_j C q i j * cost_of (fit (hidden U) V o i) (Y q i) j
    = sq (Y q - fit (hidden U) V o) / 2.
  rewrite /cost_of sq_ /sq /dot mulr_suml; apply: eq_bigr => i _; rewrite mulr_suml; apply: eq_bigr => j _.
  by rewrite C1 [(Y q - _) i j]mxE [(- _ : 'M_(m, n)) i j]mxE mul1r -expr2.
have := earns s_ge0 ho hx; rewrite /margin; move: (fit _ _ _) => Z.
have -> : Y q - s *: W - Z = Y q - Z - s *: W by rewrite addrAC.
rewrite [sq (_ - _ - _)]sqB dotZr sqZ dotBl (dotC (Y q)) (dotC Z).
by lra.
Qed.

End Dual.

(* Ky Fan: at most r0 columns and the offsets meet all but this of S *)
Section Own.
Variables (S : 'M[R]_(m, n)) (am : 'rV[R]_n) (bm : 'cV[R]_m).
Let X := S - means am bm.
Hypotheses (ha : ~~ columns q -> am = 0) (hb : ~~ rows q -> bm = 0) (own : own_size q) (plain : left_width q = 0%N).
Variable energy : R.
Hypothesis he : energy <= sq (removes_columns R m (columns q) *m X *m removes_rows R n (rows q)).

Lemma beyond h : (forall r (U : 'M_(m, r)) (V : 'M_(n, r)), (r <= r0 q)%N ->
    energy - h <= sq (removes_columns R m (columns q) *m (X - U *m V^T) *m removes_rows R n (rows q))) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  (energy - h) / 2 <= sq (S - fit (hidden U) V o) / 2.
Proof.
move=> low r U V o [_ [ca cb _] /(_ own) hr _]; rewrite ler_pM2r ?invr_gt0 //.
have no : designed (of_designs o) = 0.
  by apply/matrixP => i j; rewrite !mxE big1 // => l _; rewrite mxE big1 ?mul0r // => k; have := ltn_ord k; rewrite {2}plain.
rewrite /fit no addr0; have -> : S - (hidden U *m V^T + means (of_columns o) (of_rows o))
    = X - (hidden U *m V^T + fitted_by (of_columns o - am) (of_rows o - bm) (0 : 'M_(m, 0)) (0 : 'M_(0, n))).
  by apply/matrixP => i j; rewrite !mxE !big_ord1 !big_ord0 !mxE; ring.
apply: (fixed_rank_bound (col := columns q) (row := rows q)) => [nc|nr|U' V'].
- by rewrite ca // ha // subr0.
- by rewrite cb // hb // subr0.
- by apply: low; rewrite addn0.
Qed.

Lemma of_fewer (t k x : R) r : (r <= r0 q)%N -> energy - r%:R * Num.max t 0 - k <= x ->
  energy - ((r0 q)%:R * Num.max t 0 + k) <= x.
Proof.
move=> hr; have : r%:R * Num.max t 0 <= (r0 q)%:R * Num.max t 0 :> R.
  by rewrite ler_wpM2r ?le_max ?lexx ?orbT // ler_nat.
by move: (r%:R * _) ((r0 q)%:R * _) => x1 x2; lra.
Qed.

Theorem beyond_rows l (K : 'M[R]_(m, l)) t : (forall x, qf (X *m X^T - K *m K^T) x <= t * sq x) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  (energy - ((r0 q)%:R * Num.max t 0 + sq K)) / 2 <= sq (S - fit (hidden U) V o) / 2.
Proof.
move=> hG; apply: beyond => r U V hr; apply: of_fewer hr _.
apply: le_trans (tail_rows (removes_columns_projector R m _) (removes_rows_projector R n _) hG U V).
by rewrite !lerD2r.
Qed.

Theorem beyond_columns l (K : 'M[R]_(n, l)) t : (forall x, qf (X^T *m X - K *m K^T) x <= t * sq x) ->
  forall r (U : 'M_(ins, r)) (V : 'M_(n, r)) o, competes U V o ->
  (energy - ((r0 q)%:R * Num.max t 0 + sq K)) / 2 <= sq (S - fit (hidden U) V o) / 2.
Proof.
move=> hG; apply: beyond => r U V hr; apply: of_fewer hr _.
apply: le_trans (tail_columns U V (removes_columns_projector R m _) (removes_rows_projector R n _) hG).
by rewrite !lerD2r.
Qed.

End Own.

End Rule.
