(* `entries_part`: what Diag(d) + A^T S A costs over a unit ball of l1, elastic, variation or a
   sum of groups (`largest_entries`, `entries_cost`). *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Vertices.
Variable R : realFieldType.
Implicit Types (x y d s a C : R).

(* a convex quadratic form on a segment is bounded by its ends: p P1 + q P2, form values q1 and
   q2, mixed value b, lengths n1 and n2 *)
Lemma two_vertices (p q q1 q2 b n1 n2 : R) C : 0 <= p -> 0 <= q -> 0 <= n1 -> 0 <= n2 ->
  0 <= C -> 0 <= q2 -> b ^+ 2 <= q1 * q2 -> q1 <= C * n1 ^+ 2 -> q2 <= C * n2 ^+ 2 ->
  p ^+ 2 * q1 + 2 * (p * q) * b + q ^+ 2 * q2 <= C * (p * n1 + q * n2) ^+ 2.
Proof.
move=> p0 q0 n10 n20 C0 q20 hb h1 h2.
have bn : b <= C * (n1 * n2).
  have [neg|pos] := leP b 0; first by apply: le_trans neg _; rewrite !mulr_ge0.
  rewrite -ler_sqr ?nnegrE ?(ltW pos) ?mulr_ge0 //; apply: le_trans hb _.
  have e : (C * (n1 * n2)) ^+ 2 = C * n1 ^+ 2 * (C * n2 ^+ 2) by ring.
  rewrite e; apply: le_trans (_ : C * n1 ^+ 2 * q2 <= _).
    by rewrite ler_wpM2r.
  by rewrite ler_wpM2l // mulr_ge0 ?sqr_ge0.
have := ler_wpM2l (sqr_ge0 p) h1; have := ler_wpM2l (sqr_ge0 q) h2.
have := ler_wpM2l (mulr_ge0 p0 q0) bn; lra.
Qed.

(* `entries_cost`, l1 and groups: x <= y <= 1 *)
Theorem entries_cost_simple d s x y : 0 <= x -> x <= y -> y <= 1 -> 0 <= s -> 0 <= d ->
  d * x ^+ 2 + s * (y ^+ 2 - x ^+ 2) <= Num.max d s.
Proof.
move=> x0 xy y1 s0 d0; set C := Num.max d s.
have dC : d <= C by rewrite le_max lexx.
have sC : s <= C by rewrite le_max lexx orbT.
have X : 0 <= x ^+ 2 by exact: sqr_ge0.
have XY : x ^+ 2 <= y ^+ 2 by rewrite ler_sqr ?nnegrE // (le_trans x0).
have Y1 : y ^+ 2 <= 1 by rewrite expr_le1 // (le_trans x0).
by move: (x ^+ 2) (y ^+ 2) X XY Y1 => X Y; nra.
Qed.

(* ... elastic: a y + (1 - a) x <= 1, x <= y <= k x, k^2 = n; the kernel's `far` takes k rounded
   down, which only enlarges the bound *)
Theorem entries_cost_elastic a d s x y k C : 0 <= a <= 1 -> 1 <= k -> 0 <= x -> x <= y ->
  y <= k * x -> a * y + (1 - a) * x <= 1 -> 0 <= s -> s <= d ->
  d <= C -> d + s * (k ^+ 2 - 1) <= C * (a * k + 1 - a) ^+ 2 ->
  d * x ^+ 2 + s * (y ^+ 2 - x ^+ 2) <= C.
Proof.
move=> /andP[a0 a1] k1 x0 xy ykx N1 s0 sd dC far.
have C0 : 0 <= C by lra.
have [p [q [p0 q0 ex ey]]] : exists p q, [/\ 0 <= p, 0 <= q, x = p + q & y = p + q * k].
  have [k_1|k_2] := leP k 1.
    by exists x, 0; split; rewrite ?addr0 ?mul0r //; nra.
  have kp : 0 < k - 1 by lra.
  exists (x - (y - x) / (k - 1)), ((y - x) / (k - 1)); split.
  - by rewrite subr_ge0 ler_pdivrMr //; nra.
  - by rewrite divr_ge0 ?subr_ge0 // ltW.
  - by rewrite subrK.
  - by field; rewrite gt_eqF.
have far0 : 0 <= a * k + 1 - a by nra.
have e0 : 0 <= d + s * (k ^+ 2 - 1) by have : 1 <= k ^+ 2 by [rewrite exprn_ege1]; nra.
have cs : (d - s + s * k) ^+ 2 <= d * (d + s * (k ^+ 2 - 1)).
  have : 0 <= (d - s) * s * (k - 1) ^+ 2 by rewrite !mulr_ge0 ?sqr_ge0 ?subr_ge0.
  lra.
have h1 : d <= C * 1 ^+ 2 by rewrite expr1n mulr1.
have := two_vertices p0 q0 ler01 far0 C0 e0 cs h1 far.
have -> : p ^+ 2 * d + 2 * (p * q) * (d - s + s * k) + q ^+ 2 * (d + s * (k ^+ 2 - 1))
        = d * x ^+ 2 + s * (y ^+ 2 - x ^+ 2) by rewrite ex ey; ring.
move=> h; apply: le_trans h _; rewrite -[X in _ <= X]mulr1 ler_wpM2l // expr_le1 //.
  by have := N1; rewrite ex ey; lra.
by rewrite addr_ge0 // mulr_ge0.
Qed.

(* ... variation, of d x^2 + s y^2: rho y + x <= 1, 0 <= y <= k x *)
Theorem entries_cost_variation rho d s x y k C : 0 <= rho -> 0 <= k -> 0 <= x -> 0 <= y ->
  y <= k * x -> rho * y + x <= 1 -> 0 <= s -> 0 <= d ->
  d <= C -> d + s * k ^+ 2 <= C * (1 + rho * k) ^+ 2 ->
  d * x ^+ 2 + s * y ^+ 2 <= C.
Proof.
move=> r0 k0 x0 y0 ykx N1 s0 d0 dC far.
have C0 : 0 <= C by lra.
have [p [q [p0 q0 ex ey]]] : exists p q, [/\ 0 <= p, 0 <= q, x = p + q & y = q * k].
  have [k_0|kp] := leP k 0.
    by exists x, 0; split; rewrite ?addr0 ?mul0r //; nra.
  exists (x - y / k), (y / k); split.
  - by rewrite subr_ge0 ler_pdivrMr // mulrC.
  - exact: divr_ge0.
  - by rewrite subrK.
  - by rewrite divfK // gt_eqF.
have far0 : 0 <= 1 + rho * k by rewrite addr_ge0 ?mulr_ge0.
have e0 : 0 <= d + s * k ^+ 2 by rewrite addr_ge0 ?mulr_ge0 ?sqr_ge0.
have cs : d ^+ 2 <= d * (d + s * k ^+ 2).
  by rewrite expr2 ler_wpM2l // lerDl mulr_ge0 ?sqr_ge0.
have h1 : d <= C * 1 ^+ 2 by rewrite expr1n mulr1.
have := two_vertices p0 q0 ler01 far0 C0 e0 cs h1 far.
have -> : p ^+ 2 * d + 2 * (p * q) * d + q ^+ 2 * (d + s * k ^+ 2)
        = d * x ^+ 2 + s * y ^+ 2 by rewrite ex ey; ring.
move=> h; apply: le_trans h _; rewrite -[X in _ <= X]mulr1 ler_wpM2l // expr_le1 //.
  by have := N1; rewrite ex ey; lra.
by rewrite addr_ge0 // mulr_ge0.
Qed.

End Vertices.

Section Entries.
Variable R : rcfType.

(* `largest_entries`, l1 and elastic: A = I *)
Theorem entries_of_coordinates n (d : 'rV[R]_n) (S : 'M[R]_n) d' s (u : 'cV[R]_n) :
  (forall i, d 0 i + S i i <= d') ->
  (forall i j, i != j -> S i j * (u i 0 * u j 0) <= s * (`|u i 0| * `|u j 0|)) ->
  qf (diag_mx d + S) u <= d' * l2 u ^+ 2 + s * (l1 u ^+ 2 - l2 u ^+ 2).
Proof.
move=> hd hs; rewrite qfD qf_diag qf_sum l2_sqr sq_col -big_split /=.
have -> : s * (l1 u ^+ 2 - \sum_i u i 0 ^+ 2)
        = \sum_i \sum_(j | j != i) s * (`|u i 0| * `|u j 0|).
  have -> : l1 u ^+ 2 = \sum_i \sum_j `|u i 0| * `|u j 0|.
    by rewrite expr2 mulr_suml; apply: eq_bigr => i _; rewrite mulr_sumr.
  rewrite -sumrB mulr_sumr; apply: eq_bigr => i _; rewrite (bigD1 i) //=.
  by rewrite -expr2 real_normK ?num_real // addrAC subrr add0r mulr_sumr.
rewrite mulr_sumr -big_split /=; apply: ler_sum => i _.
rewrite (bigD1 i) //= addrA; apply: lerD; last first.
  by apply: ler_sum => j ne; apply: hs; rewrite eq_sym.
by rewrite -expr2 -mulrDl ler_wpM2r ?sqr_ge0.
Qed.

(* the hypothesis on S: by moduli, or by the entries where every coordinate has one sign *)
Lemma entries_abs n (S : 'M[R]_n) s (u : 'cV[R]_n) i j : `|S i j| <= s ->
  S i j * (u i 0 * u j 0) <= s * (`|u i 0| * `|u j 0|).
Proof.
move=> h; apply: le_trans (ler_norm _) _; rewrite normrM normrM.
by rewrite ler_wpM2r ?mulr_ge0.
Qed.
(* l1 *)
Theorem cost_entries_l1 n (d : 'rV[R]_n) (S : 'M[R]_n) d' s (u : 'cV[R]_n) :
  0 <= d' -> 0 <= s -> (forall i, d 0 i + S i i <= d') ->
  (forall i j, i != j -> S i j * (u i 0 * u j 0) <= s * (`|u i 0| * `|u j 0|)) ->
  l1 u <= 1 -> qf (diag_mx d + S) u <= Num.max d' s.
Proof.
move=> d0 s0 hd hs u1; apply: le_trans (entries_of_coordinates hd hs) _.
by apply: entries_cost_simple; rewrite ?l2_ge0 ?l2_le_l1.
Qed.

Lemma l1_le_l2 n (u : 'cV[R]_n) : l1 u <= Num.sqrt n%:R * l2 u.
Proof.
have -> : l1 u = \sum_i 1 * `|u i 0| by apply: eq_bigr => i _; rewrite mul1r.
apply: schwarz_sum; rewrite ?sqrtr_ge0 ?l2_ge0 //.
  by rewrite sqr_sqrtr ?ler0n // sumr_const card_ord expr1n.
by rewrite l2_sqr sq_col; under eq_bigr do rewrite real_normK ?num_real //.
Qed.

(* elastic; far: any number in [0, a sqrt(n) + 1 - a] that the kernel divides by *)
Theorem cost_entries_elastic n a (d : 'rV[R]_n) (S : 'M[R]_n) d' s C (u : 'cV[R]_n) :
  (0 < n)%N -> 0 <= a <= 1 -> 0 <= s -> s <= d' -> (forall i, d 0 i + S i i <= d') ->
  (forall i j, i != j -> S i j * (u i 0 * u j 0) <= s * (`|u i 0| * `|u j 0|)) ->
  d' <= C -> d' + s * (n%:R - 1) <= C * (a * Num.sqrt n%:R + 1 - a) ^+ 2 ->
  elastic a u <= 1 -> qf (diag_mx d + S) u <= C.
Proof.
move=> n0 ha s0 sd hd hs dC far u1; apply: le_trans (entries_of_coordinates hd hs) _.
apply: (@entries_cost_elastic _ a d' s (l2 u) (l1 u) (Num.sqrt n%:R)) => //.
- by rewrite -[X in X <= _]sqrtr1 ler_wsqrtr // ler1n.
- exact: l2_ge0.
- exact: l2_le_l1.
- exact: l1_le_l2.
- by rewrite sqr_sqrtr ?ler0n.
Qed.

(* variation: A = B the differences; k^2 = sum degree^2 *)
Theorem cost_entries_variation n e rho (E : 'I_e -> 'I_n * 'I_n) (d : 'rV[R]_n) (S : 'M[R]_e)
  d' s k C (deg : 'I_n -> R) (u : 'cV[R]_n) (B := differences R E) :
  0 <= rho -> 0 <= k -> 0 <= d' -> 0 <= s ->
  (forall i, deg i = (\sum_a ((i == (E a).1) + (i == (E a).2))%N)%:R) ->
  \sum_i deg i ^+ 2 <= k ^+ 2 ->
  (forall i, d 0 i <= d') -> (forall a b, `|S a b| <= s) ->
  d' <= C -> d' + s * k ^+ 2 <= C * (1 + rho * k) ^+ 2 ->
  variation rho B u <= 1 -> qf (diag_mx d + B^T *m S *m B) u <= C.
Proof.
move=> r0 k0 d0 s0 hdeg hk hd hs dC far u1.
apply: (@le_trans _ _ (d' * l2 u ^+ 2 + s * l1 (B *m u) ^+ 2)).
  rewrite qfD qf_diag qf_congr; apply: lerD.
    by rewrite l2_sqr sq_col mulr_sumr; apply: ler_sum => i _; rewrite ler_wpM2r ?sqr_ge0.
  rewrite qf_sum expr2 mulr_suml mulr_sumr; apply: ler_sum => a _.
  rewrite mulr_sumr mulr_sumr; apply: ler_sum => b _.
  exact: entries_abs.
apply: (@entries_cost_variation _ rho d' s (l2 u) (l1 (B *m u)) k) => //.
- exact: l2_ge0.
- exact: l1_ge0.
apply: (@le_trans _ _ (\sum_i deg i * `|u i 0|)); last first.
  apply: schwarz_sum; rewrite ?l2_ge0 //.
  by rewrite l2_sqr sq_col; under eq_bigr do rewrite real_normK ?num_real //.
apply: (@le_trans _ _ (\sum_a (`|u (E a).1 0| + `|u (E a).2 0|))).
  by apply: ler_sum => a _; rewrite differencesE ler_normB.
under [X in _ <= X]eq_bigr do rewrite hdeg natr_sum mulr_suml.
rewrite exchange_big /=; apply: ler_sum => a _.
under eq_bigr do rewrite natrD mulrDl.
rewrite big_split /=; apply: lerD.
  by rewrite (bigD1 (E a).1) //= eqxx mul1r lerDl sumr_ge0 // => i _; rewrite mulr_ge0.
by rewrite (bigD1 (E a).2) //= eqxx mul1r lerDl sumr_ge0 // => i _; rewrite mulr_ge0.
Qed.

(* a sum of groups: the blocks' Frobenius norms *)
Theorem cost_entries_groups n k (g : 'I_n -> 'I_k) (d : 'rV[R]_n) (S : 'M[R]_n)
  (F : 'I_k -> 'I_k -> R) d' s (u : 'cV[R]_n) :
  0 <= d' -> 0 <= s ->
  (forall a b, 0 <= F a b) ->
  (forall a b, \sum_(i | g i == a) \sum_(j | g j == b) S i j ^+ 2 <= F a b ^+ 2) ->
  (forall i, d 0 i + F (g i) (g i) <= d') -> (forall a b, a != b -> F a b <= s) ->
  group_sum g u <= 1 -> qf (diag_mx d + S) u <= Num.max d' s.
Proof.
move=> d0 s0 F0 hF hd hs u1.
pose G := \col_a group_l2 g a u : 'cV[R]_k.
have G0 a : 0 <= G a 0 by rewrite mxE group_l2_ge0.
have G2 : l2 G = l2 u.
  rewrite /l2 sq_col (sq_groups g u); congr Num.sqrt.
  by apply: eq_bigr => a _; rewrite mxE.
have G1 : l1 G = group_sum g u.
  by apply: eq_bigr => a _; rewrite ger0_norm // mxE.
have inner a b : \sum_(i | g i == a) \sum_(j | g j == b) S i j * (u i 0 * u j 0)
    <= F a b * (G a 0 * G b 0).
  rewrite pair_big /=.
  apply: (schwarz_sum (F := fun ij : 'I_n * 'I_n => S ij.1 ij.2)
    (G := fun ij : 'I_n * 'I_n => u ij.1 0 * u ij.2 0)); rewrite ?mulr_ge0 //.
    by rewrite -(pair_big (fun i => g i == a) (fun j => g j == b) (fun i j => S i j ^+ 2)) /=.
  rewrite exprMn !mxE !group_l2_sqr mulr_suml.
  under [X in _ <= X]eq_bigr do rewrite mulr_sumr.
  rewrite pair_big /= le_eqVlt; apply/orP; left; apply/eqP.
  by apply: eq_bigr => ij _; rewrite exprMn.
apply: (@le_trans _ _ (\sum_a \sum_b (if a == b then d' else s) * (G a 0 * G b 0))).
  rewrite qfD qf_diag qf_sum.
  rewrite (partition_big g predT) //= [X in _ + X](partition_big g predT) //= -big_split /=.
  apply: ler_sum => a _; rewrite [X in _ <= X](bigD1 a) //= eqxx.
  under [X in _ + X]eq_bigr do rewrite (partition_big g predT) //=.
  rewrite [X in _ + X]exchange_big /= [X in _ + X](bigD1 a) //= addrA; apply: lerD; last first.
    apply: ler_sum => b ne; rewrite eq_sym (negPf ne); apply: le_trans (inner a b) _.
    by rewrite ler_wpM2r ?mulr_ge0 // hs // eq_sym.
  apply: (@le_trans _ _ (\sum_(i | g i == a) (d' - F a a) * u i 0 ^+ 2 + F a a * (G a 0 * G a 0))).
    apply: lerD (inner a a); apply: ler_sum => i /eqP gi.
    by rewrite ler_wpM2r ?sqr_ge0 // -gi lerBrDr.
  rewrite -mulr_sumr -group_l2_sqr mxE -expr2; lra.
apply: le_trans (entries_cost_simple (x := l2 u) (y := group_sum g u) _ _ u1 s0 d0);
  rewrite ?l2_ge0 ?l2_le_group_sum // -G1 -G2 l2_sqr sq_col.
have -> : l1 G ^+ 2 = \sum_a \sum_b G a 0 * G b 0.
  rewrite expr2 mulr_suml; apply: eq_bigr => a _; rewrite mulr_sumr.
  by apply: eq_bigr => b _; rewrite !ger0_norm.
rewrite -sumrB !mulr_sumr -big_split /= le_eqVlt; apply/orP; left; apply/eqP.
apply: eq_bigr => a _; rewrite (bigD1 a) //= eqxx -expr2; congr (_ + _).
rewrite [X in _ = s * (X - _)](bigD1 a) //= -expr2 addrAC subrr add0r mulr_sumr.
by apply: eq_bigr => b ne; rewrite eq_sym (negPf ne).
Qed.

End Entries.
