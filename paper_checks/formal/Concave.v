(* An l1 penalty beside products: `concave`.

   p = |u|_1 and q = |v|_1 of a slice, t = sum p q; lines lie below the rest of the objective. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum.
From mathcomp Require Import lra ring.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Concave.
Variables (R : rcfType) (S : Type) (p q : S -> R).
Hypotheses (p_ge0 : forall x, 0 <= p x) (q_ge0 : forall x, 0 <= q x).

Lemma sqrt_subadditive (x y : R) : 0 <= x -> 0 <= y -> Num.sqrt (x + y) <= Num.sqrt x + Num.sqrt y.
Proof.
move=> x0 y0; rewrite -ler_sqr ?nnegrE ?addr_ge0 ?sqrtr_ge0 // sqr_sqrtr ?addr_ge0 // sqrrD.
rewrite !sqr_sqrtr //.
have : 0 <= Num.sqrt x * Num.sqrt y by rewrite mulr_ge0 ?sqrtr_ge0.
lra.
Qed.

(* of all slices together *)
Lemma penalty_root (xs : seq S) (a b : R) : 0 <= a -> 0 <= b ->
  Num.sqrt (4 * a * b * \sum_(x <- xs) p x * q x) <= \sum_(x <- xs) (a * p x + b * q x).
Proof.
move=> a0 b0; elim: xs => [|x xs IH]; first by rewrite !big_nil mulr0 sqrtr0.
have t0 : 0 <= \sum_(y <- xs) p y * q y by rewrite sumr_ge0 // => y _; rewrite mulr_ge0.
have c0 : 0 <= 4 * a * b by rewrite !mulr_ge0.
rewrite !big_cons mulrDr; apply: le_trans (sqrt_subadditive _ _) _; rewrite ?mulr_ge0 //.
rewrite lerD // -ler_sqr ?nnegrE ?sqrtr_ge0 ?addr_ge0 ?mulr_ge0 // sqr_sqrtr ?mulr_ge0 //.
have := sqr_ge0 (a * p x - b * q x); nra.
Qed.

(* the root lies above its chords *)
Lemma root_concave (c t1 t2 t : R) : 0 <= c -> 0 <= t1 -> t1 <= t -> t <= t2 ->
  (t2 - t) * Num.sqrt (c * t1) + (t - t1) * Num.sqrt (c * t2) <= (t2 - t1) * Num.sqrt (c * t).
Proof.
move=> c0 t10 h1 h2.
have t0 : 0 <= t by lra.
have t20 : 0 <= t2 by lra.
set x := Num.sqrt (c * t1); set y := Num.sqrt (c * t2); set z := Num.sqrt (c * t).
have x0 : 0 <= x by apply: sqrtr_ge0.
have y0 : 0 <= y by apply: sqrtr_ge0.
have z0 : 0 <= z by apply: sqrtr_ge0.
have hx : x ^+ 2 = c * t1 by rewrite sqr_sqrtr ?mulr_ge0.
have hy : y ^+ 2 = c * t2 by rewrite sqr_sqrtr ?mulr_ge0.
have hz : z ^+ 2 = c * t by rewrite sqr_sqrtr ?mulr_ge0.
rewrite -ler_sqr ?nnegrE ?addr_ge0 ?mulr_ge0 //; try lra.
have -> : ((t2 - t1) * z) ^+ 2 = (t2 - t1) * ((t2 - t) * x ^+ 2 + (t - t1) * y ^+ 2).
  by rewrite exprMn hx hy hz; ring.
rewrite -subr_ge0.
have -> : (t2 - t1) * ((t2 - t) * x ^+ 2 + (t - t1) * y ^+ 2)
    - ((t2 - t) * x + (t - t1) * y) ^+ 2 = (t2 - t) * (t - t1) * (x - y) ^+ 2 by ring.
by rewrite mulr_ge0 ?sqr_ge0 // mulr_ge0 //; lra.
Qed.

(* h is least where two lines meet, or at 0 *)
Lemma least_at_places (J : finType) (D s : J -> R) (j0 : J) (c low t : R) : 0 <= c ->
  (forall j, 0 <= s j) -> s j0 = 0 -> (exists j, low <= D j) ->
  (forall i k, s k < s i -> 0 <= (D i - D k) / (s i - s k) ->
    exists j, low <= D j - s j * ((D i - D k) / (s i - s k))
      + Num.sqrt (c * ((D i - D k) / (s i - s k)))) ->
  0 <= t -> exists j, low <= D j - s j * t + Num.sqrt (c * t).
Proof.
move=> c0 s0 s00 [jz hz] hp t0.
pose line j x := D j - s j * x.
have [m _ mmax] : exists2 m, true & forall j, line j t <= line m t.
  by case: (@arg_maxP _ _ _ j0 xpredT (line^~ t)) => // m _ h; exists m => // j; apply: h.
have meet i k : s k < s i -> line i ((D i - D k) / (s i - s k)) = line k ((D i - D k) / (s i - s k)).
  by move=> h; rewrite /line; field; rewrite subr_eq0 gt_eqF.
have place i k : s k < s i -> forall x, (D i - D k) / (s i - s k) <= x -> line i x <= line k x.
  move=> h x; rewrite ler_pdivrMr ?subr_gt0 // /line; lra.
have place' i k : s k < s i -> forall x, x <= (D i - D k) / (s i - s k) -> line k x <= line i x.
  move=> h x; rewrite ler_pdivlMr ?subr_gt0 // /line; lra.
(* the left end of where line m is the largest *)
have [t1 [t10 t1t m1 h1]] : exists t1, [/\ 0 <= t1, t1 <= t, forall j, line j t1 <= line m t1
    & low <= line m t1 + Num.sqrt (c * t1)].
  pose at_ j := if s m < s j then Num.max 0 ((D j - D m) / (s j - s m)) else 0.
  have [i _ imax] : exists2 i, true & forall j, at_ j <= at_ i.
    by case: (@arg_maxP _ _ _ j0 xpredT at_) => // i _ h; exists i => // j; apply: h.
  have ai0 : 0 <= at_ i by rewrite /at_; case: ifP => // _; rewrite le_max lexx.
  have ait : at_ i <= t.
    rewrite /at_; case: ifP => // h; rewrite ge_max t0 /=.
    by rewrite ler_pdivrMr ?subr_gt0 //; have := mmax i; rewrite /line; lra.
  have big : forall j, line j (at_ i) <= line m (at_ i).
    move=> j; have [h|h] := ltP (s m) (s j).
      by apply: place => //; have := imax j; rewrite {1}/at_ h ge_max => /andP[].
    have := mmax j; have : (s m - s j) * at_ i <= (s m - s j) * t by rewrite ler_wpM2l ?subr_ge0.
    rewrite /line; lra.
  exists (at_ i); split=> //.
  suff [j hj] : exists j, low <= line j (at_ i) + Num.sqrt (c * at_ i).
    by apply: le_trans hj _; rewrite lerD2r.
  rewrite /at_; case: ifP => [h|_]; last first.
    by exists jz; rewrite /line !mulr0 subr0 sqrtr0 addr0.
  have [neg|pos] := leP ((D i - D m) / (s i - s m)) 0.
    by exists jz; rewrite /line !mulr0 subr0 sqrtr0 addr0.
  exact: hp (ltW pos).
exists m; rewrite -/(line m t).
have [flat|steep] := eqVneq (s m) 0.
  apply: le_trans h1 _; rewrite /line flat !mul0r lerD2l ler_wsqrtr // ler_wpM2l //.
(* the right end: line j0 crosses it *)
have sm : 0 < s m by rewrite lt_neqAle eq_sym steep s0.
have [t2 [t2t m2 h2]] : exists t2, [/\ t <= t2, forall j, line j t2 <= line m t2
    & low <= line m t2 + Num.sqrt (c * t2)].
  pose far j := if s j < s m then (D m - D j) / (s m - s j) else (D m - D j0) / (s m - s j0).
  have [i _ imin] : exists2 i, true & forall j, far i <= far j.
    by case: (@arg_minP _ _ _ j0 xpredT far) => // i _ h; exists i => // j; apply: h.
  have [k hk ek] : exists2 k, s k < s m & far i = (D m - D k) / (s m - s k).
    by rewrite /far; case: ifP => h; [exists i | exists j0; rewrite ?s00].
  have tf : t <= far i.
    by rewrite ek ler_pdivlMr ?subr_gt0 //; have := mmax k; rewrite /line; lra.
  have big : forall j, line j (far i) <= line m (far i).
    move=> j; have [h|h] := ltP (s j) (s m).
      by apply: place' => //; have := imin j; rewrite {2}/far h.
    have := mmax j; have : (s j - s m) * t <= (s j - s m) * far i by rewrite ler_wpM2l ?subr_ge0.
    rewrite /line; lra.
  exists (far i); split=> //.
  suff [j hj] : exists j, low <= line j (far i) + Num.sqrt (c * far i).
    by apply: le_trans hj _; rewrite lerD2r.
  by rewrite ek; apply: hp; rewrite -?ek //; lra.
have [same|apart] := eqVneq t1 t2.
  by have -> : t = t1 by lra.
have wide : 0 < t2 - t1 by rewrite subr_gt0 lt_neqAle apart; lra.
have chord := root_concave c0 t10 t1t t2t.
rewrite -(ler_pM2l wide).
have l1 : (t2 - t) * low <= (t2 - t) * (line m t1 + Num.sqrt (c * t1)) by rewrite ler_wpM2l //; lra.
have l2 : (t - t1) * low <= (t - t1) * (line m t2 + Num.sqrt (c * t2)) by rewrite ler_wpM2l //; lra.
have : (t2 - t) * line m t1 + (t - t1) * line m t2 = (t2 - t1) * line m t by rewrite /line; ring.
move: l1 l2; rewrite !mulrDr; lra.
Qed.

(* `concave`: D_j - s_j t lies below the rest of the objective *)
Theorem concave_bound (xs : seq S) (J : finType) (D s : J -> R) (j0 : J) (a b rest low : R) :
  0 <= a -> 0 <= b -> (forall j, 0 <= s j) -> s j0 = 0 ->
  (forall j, D j <= rest + s j * \sum_(x <- xs) p x * q x) ->
  (exists j, low <= D j) ->
  (forall i k, s k < s i -> 0 <= (D i - D k) / (s i - s k) ->
    exists j, low <= D j - s j * ((D i - D k) / (s i - s k))
      + Num.sqrt (4 * a * b * ((D i - D k) / (s i - s k)))) ->
  low <= rest + \sum_(x <- xs) (a * p x + b * q x).
Proof.
move=> a0 b0 s0 s00 hD h0 hp; set t := \sum_(x <- xs) p x * q x.
have t0 : 0 <= t by rewrite sumr_ge0 // => y _; rewrite mulr_ge0.
have c0 : 0 <= 4 * a * b by rewrite !mulr_ge0.
have [j hj] := least_at_places c0 s0 s00 h0 hp t0.
have := penalty_root xs a0 b0; have := hD j; rewrite -/t; lra.
Qed.

(* "own": two norms no larger than l1, beside lam times a theta that is at least their product *)
Theorem own_line (xs : seq S) (u v th : S -> R) (lam slope : R) : 0 <= lam -> 0 <= slope ->
  (forall x, 0 <= u x <= p x) -> (forall x, 0 <= v x <= q x) -> (forall x, u x * v x <= th x) ->
  (lam + slope) * (\sum_(x <- xs) u x * v x)
    <= lam * (\sum_(x <- xs) th x) + slope * \sum_(x <- xs) p x * q x.
Proof.
move=> lam0 slope0 hu hv hth; rewrite mulrDl; apply: lerD; apply: ler_wpM2l => //.
  by apply: ler_sum => x _; apply: hth.
apply: ler_sum => x _; have /andP[u0 up] := hu x; have /andP[v0 vq] := hv x.
exact: ler_pM.
Qed.

End Concave.
