(** The dual value of every loss: d(w) <= c h(z; y) + w z for all z.

    Each theorem is about one entry (softmax: one row) with its weight c > 0, and covers the
    pair `inside` (the hypotheses on w) and `dual` (the left side) of one class of
    certify/kernel/losses.  What differs there: w and c are integers in a unit u of any
    size (`unit_*` says that u cancels), quotients and logarithms are rounded so that the
    left side only falls, and entries are summed (`loss_dual_sum`). *)

From HB Require Import structures.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import classical_sets reals sequences exp.
From mathcomp Require Import ring lra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.

Local Open Scope ring_scope.

Section Algebraic.

Variable R : realFieldType.
Implicit Types c w z y delta tau : R.

(** The sum over entries: `loss_dual`. *)
Theorem loss_dual_sum (I : finType) (d l w z : I -> R) :
  (forall k, d k <= l k + w k * z k) ->
  \sum_k d k <= \sum_k l k + \sum_k w k * z k.
Proof. by move=> dl; rewrite -big_split; apply: ler_sum => k _; apply: dl. Qed.

Definition squared z y := (z - y) ^+ 2 / 2.

(** `Squared.dual`, `squared_over`; also the least squares of `dual_value`. *)
Theorem squared_dual c w z y : 0 < c ->
  w * y - w ^+ 2 / (2 * c) <= c * squared z y + w * z.
Proof.
move=> c0; rewrite /squared -subr_ge0.
have -> : c * ((z - y) ^+ 2 / 2) + w * z - (w * y - w ^+ 2 / (2 * c))
        = c / 2 * (z - y + w / c) ^+ 2 by field; lra.
by rewrite mulr_ge0 ?sqr_ge0// divr_ge0 ?ltW.
Qed.

Definition huber delta z y :=
  if `|z - y| <= delta then (z - y) ^+ 2 / 2 else delta * `|z - y| - delta ^+ 2 / 2.

(** `Huber.inside`, `Huber.dual`. *)
Theorem huber_dual delta c w z y : 0 < c -> `|w| <= c * delta ->
  w * y - w ^+ 2 / (2 * c) <= c * huber delta z y + w * z.
Proof.
move=> c0 win; rewrite /huber; case: ifP => [_|/negbT]; first exact: squared_dual.
rewrite -ltNge => /ltW far.
set r := z - y in far *.
have zr : w * z = w * r + w * y by rewrite /r; ring.
have /ler_normlP [low _] : `|w * r| <= `|w| * `|r| by rewrite normrM.
have gap : (c * delta - `|w|) * delta <= (c * delta - `|w|) * `|r|.
  by rewrite ler_wpM2l// subr_ge0.
have ww : w ^+ 2 = `|w| ^+ 2 by rewrite real_normK ?num_real.
have sq : 0 <= (c * delta - `|w|) ^+ 2 / (2 * c).
  by rewrite divr_ge0 ?sqr_ge0// mulr_ge0 ?ltW.
have e : (c * delta - `|w|) ^+ 2 / (2 * c)
       = c * delta ^+ 2 / 2 - delta * `|w| + `|w| ^+ 2 / (2 * c) by field; lra.
rewrite zr ww mulrBr; lra.
Qed.

Definition quantile tau z y :=
  if z <= y then tau * (y - z) else (1 - tau) * (z - y).

(** `Quantile.inside`, `Quantile.dual`; 0 < tau < 1 is not needed. *)
Theorem quantile_dual tau c w z y : - (c * (1 - tau)) <= w <= c * tau ->
  w * y <= c * quantile tau z y + w * z.
Proof.
move=> /andP [lo hi]; rewrite /quantile; case: ifP => [le|/negbT].
  have := ler_wpM2r (_ : 0 <= y - z) hi; rewrite subr_ge0 => /(_ le); lra.
rewrite -ltNge => /ltW ge.
have := ler_wpM2r (_ : 0 <= z - y) lo; rewrite subr_ge0 => /(_ ge); lra.
Qed.

(** `Absolute.inside`, `Absolute.dual`. *)
Theorem absolute_dual c w z y : `|w| <= c -> w * y <= c * `|z - y| + w * z.
Proof.
move=> win.
have : - (w * (z - y)) <= c * `|z - y|.
  by rewrite (le_trans (ler_norm _))// normrN normrM ler_wpM2r.
lra.
Qed.

Definition hinge z y := Num.max 0 (1 - y * z).

Lemma label_square y : y = 1 \/ y = - 1 -> y * y = 1.
Proof. by case=> ->; rewrite ?mulrNN mulr1. Qed.

(** `Hinge.inside`, `Hinge.dual`. *)
Theorem hinge_dual c w z y : y = 1 \/ y = - 1 -> 0 <= y * w <= c ->
  w * y <= c * hinge z y + w * z.
Proof.
move=> /label_square yy /andP [a0 ac].
have wz : w * z = (y * w) * (y * z) by rewrite mulrACA yy mul1r.
have h0 : 0 <= hinge z y by rewrite le_max lexx.
have h1 : 1 - y * z <= hinge z y by rewrite le_max lexx orbT.
have := ler_wpM2r h0 ac; have := ler_wpM2l a0 h1.
rewrite wz; lra.
Qed.

(** `SquaredHinge.inside`, `SquaredHinge.dual`. *)
Theorem squared_hinge_dual c w z y : 0 < c -> y = 1 \/ y = - 1 -> 0 <= y * w ->
  w * y - w ^+ 2 / (4 * c) <= c * hinge z y ^+ 2 + w * z.
Proof.
move=> c0 /label_square yy a0.
have wz : w * z = (y * w) * (y * z) by rewrite mulrACA yy mul1r.
have ww : w ^+ 2 = (y * w) ^+ 2 by rewrite exprMn [y ^+ 2]expr2 yy mul1r.
have h1 : 1 - y * z <= hinge z y by rewrite le_max lexx orbT.
rewrite wz ww (mulrC w y); have := ler_wpM2l a0 h1.
set a := y * w; set h := hinge z y => ah.
have : 0 <= c * (h - a / (2 * c)) ^+ 2 by rewrite mulr_ge0 ?sqr_ge0// ltW.
have -> : c * (h - a / (2 * c)) ^+ 2 = c * h ^+ 2 - a * h + a ^+ 2 / (4 * c).
  by field; lra.
lra.
Qed.

(** A W outside the domain bounds nothing, one example: the absolute loss. *)
Theorem absolute_unbounded c w y M : c < w -> exists z, c * `|z - y| + w * z < M.
Proof.
move=> cw; pose t := (`|w * y| + `|M| + 1) / (w - c).
have t0 : 0 <= t by apply: divr_ge0; [apply: addr_ge0=> //; apply: addr_ge0 | rewrite subr_ge0 ltW].
exists (y - t); have -> : `|y - t - y| = t.
  by rewrite (_ : y - t - y = - t) ?normrN ?ger0_norm//; ring.
have e : (w - c) * t = `|w * y| + `|M| + 1 by rewrite mulrC divfK// gt_eqF ?subr_gt0.
have := ler_norm (w * y); have /ler_normlP [m _] : `|M| <= `|M| by [].
lra.
Qed.

End Algebraic.

Section Logarithms.

Variable R : realType.
Implicit Types a b c q p w x y z u : R.

(** ln x <= x - 1, in the form that all four losses use. *)
Lemma gibbs q p : 0 <= q -> 0 < p -> q * ln p - q * ln q <= p - q.
Proof.
rewrite le_eqVlt => /orP [/eqP <- p0|q0 p0]; first by rewrite !mul0r !subr0 ltW.
rewrite -mulrBr -ln_div ?posrE//.
have pq : 0 < p / q by rewrite divr_gt0.
have : ln (p / q) <= p / q - 1.
  by have := @le_ln1Dx R (p / q - 1); rewrite (addrC 1) subrK; apply; lra.
by move=> /(ler_wpM2l (ltW q0)); rewrite mulrBr mulr1 mulrCA divff ?mulr1// gt_eqF.
Qed.

Definition logistic z y := ln (1 + expR z) - y * z.

Lemma softplus_dual c a x : 0 < c -> 0 <= a <= c ->
  c * ln c - a * ln a - (c - a) * ln (c - a) <= c * ln (1 + expR x) - a * x.
Proof.
move=> c0 /andP [a0 ac].
have e0 := expR_gt0 x; have s0 : 0 < 1 + expR x by rewrite addr_gt0.
have b0 : 0 <= c - a by rewrite subr_ge0.
have p0 : 0 < c * expR x / (1 + expR x) by rewrite divr_gt0 ?mulr_gt0.
have r0 : 0 < c / (1 + expR x) by rewrite divr_gt0.
have := gibbs a0 p0; have := gibbs b0 r0.
rewrite !ln_div ?lnM ?posrE ?mulr_gt0// expRK.
have : c / (1 + expR x) + c * expR x / (1 + expR x) = c by field; rewrite gt_eqF.
lra.
Qed.

(** `Logistic.inside`, `Logistic.dual`: |w| = a in the domain. *)
Theorem logistic_dual c w z y : 0 < c -> y = 0 \/ y = 1 ->
  0 <= (2 * y - 1) * w <= c ->
  c * ln c - `|w| * ln `|w| - (c - `|w|) * ln (c - `|w|) <= c * logistic z y + w * z.
Proof.
move=> c0 [] -> win; rewrite /logistic.
  have w0 : w <= 0 by lra.
  rewrite ler0_norm//; have ac : 0 <= - w <= c by lra.
  by have := softplus_dual z c0 ac; lra.
have w0 : 0 <= w by lra.
rewrite ger0_norm//; have ac : 0 <= w <= c by lra.
have := softplus_dual (- z) c0 ac.
have e0 := expR_gt0 z.
have -> : ln (1 + expR (- z)) = ln (1 + expR z) - z.
  have -> : 1 + expR (- z) = (1 + expR z) / expR z.
    by rewrite expRN; field; rewrite gt_eqF.
  by rewrite ln_div ?posrE ?addr_gt0// expRK.
lra.
Qed.

(** `Softmax.inside`, `Softmax.dual`, one row; y is one-hot, so <y, z> is z at the label. *)
Definition softmax (n : nat) (z y : 'I_n -> R) :=
  ln (\sum_j expR (z j)) - \sum_j y j * z j.

Lemma sum_exp_gt0 (n : nat) (z : 'I_n -> R) (j0 : 'I_n) : 0 < \sum_j expR (z j).
Proof.
rewrite (bigD1 j0)//= ltr_pwDl ?expR_gt0// sumr_ge0// => j _; exact: expR_ge0.
Qed.

Lemma logsumexp_dual (n : nat) c (q z : 'I_n -> R) :
  0 < c -> (forall j, 0 <= q j) -> \sum_j q j = c ->
  c * ln c - \sum_j q j * ln (q j) <= c * ln (\sum_j expR (z j)) - \sum_j q j * z j.
Proof.
move=> c0 q0 qc; set S := \sum_j expR (z j).
have S0 : 0 < S.
  have [j0 _|none] := pickP (@predT 'I_n); first exact: sum_exp_gt0.
  by move: c0; rewrite -qc big_pred0 ?ltxx.
have : \sum_j (q j * (ln c + z j - ln S) - q j * ln (q j))
       <= \sum_j (c * expR (z j) / S - q j).
  apply: ler_sum => j _.
  have p0 : 0 < c * expR (z j) / S by rewrite divr_gt0 ?mulr_gt0 ?expR_gt0.
  have := gibbs (q0 j) p0.
  by rewrite ln_div ?lnM ?posrE ?mulr_gt0 ?expR_gt0// expRK.
rewrite !sumrB qc -mulr_suml -mulr_sumr -/S mulfK ?gt_eqF// subrr.
have -> : \sum_j q j * (ln c + z j - ln S) = c * ln c + \sum_j q j * z j - c * ln S.
  have e x : c * x = \sum_j q j * x by rewrite -mulr_suml qc.
  by rewrite !e -big_split -sumrB; apply: eq_bigr => j _ /=; ring.
lra.
Qed.

Theorem softmax_dual (n : nat) c (w z y : 'I_n -> R) (q := fun j => c * y j - w j) :
  0 < c -> (forall j, 0 <= q j) -> \sum_j q j = c ->
  c * ln c - \sum_j q j * ln (q j) <= c * softmax z y + \sum_j w j * z j.
Proof.
move=> c0 q0 qc; apply: le_trans (logsumexp_dual z c0 q0 qc) _.
have -> : \sum_j q j * z j = c * (\sum_j y j * z j) - \sum_j w j * z j.
  by rewrite mulr_sumr -sumrB; apply: eq_bigr => j _; rewrite /q; ring.
rewrite /softmax; lra.
Qed.

(** The kernel's condition: the sum of w over a row is 0, and the label is one-hot. *)
Lemma softmax_inside (n : nat) c (w y : 'I_n -> R) :
  \sum_j y j = 1 -> \sum_j w j = 0 -> \sum_j (c * y j - w j) = c.
Proof. by move=> y1 w0; rewrite sumrB -mulr_sumr y1 w0 mulr1 subr0. Qed.

Definition kullback_leibler z y := z - y * ln z + y * ln y - y.

(** `KullbackLeibler.inside`, `KullbackLeibler.dual`; z is in the loss's domain. *)
Theorem kullback_leibler_dual c w z y : 0 < c -> 0 <= y -> 0 <= z -> - c <= w ->
  (0 < y -> 0 < z) -> (0 < y -> - c < w) ->
  c * y * ln ((c + w) / c) <= c * kullback_leibler z y + w * z.
Proof.
move=> c0; rewrite le_eqVlt => /orP [/eqP <- z0 wc _ _|y0 _ _ /(_ y0) z0 /(_ y0) wc].
  rewrite /kullback_leibler mulr0 !mul0r subr0 addr0 subr0 -mulrDl.
  by rewrite mulr_ge0//; lra.
have cw : 0 < c + w by lra.
have q0 : 0 <= c * y by rewrite mulr_ge0 ?ltW.
have p0 : 0 < (c + w) * z by rewrite mulr_gt0.
have := gibbs q0 p0; rewrite /kullback_leibler ln_div ?lnM ?posrE//.
lra.
Qed.

Definition poisson z y := expR z - y * z.

(** `Poisson.inside`, `Poisson.dual`; `least_loss` is the case w = 0. *)
Theorem poisson_dual c w z y (q := c * y - w) : 0 < c -> 0 <= q ->
  q - q * (ln q - ln c) <= c * poisson z y + w * z.
Proof.
move=> c0 q0; have p0 : 0 < c * expR z by rewrite mulr_gt0 ?expR_gt0.
have := gibbs q0 p0; rewrite lnM ?posrE ?expR_gt0// expRK /poisson.
have -> : w * z = c * (y * z) - q * z by rewrite /q; ring.
lra.
Qed.

(** The unit u of the kernel's integers cancels. *)
Lemma xlnx_unit u a : 0 < u -> 0 <= a -> u * a * ln (u * a) = u * (a * ln a) + u * a * ln u.
Proof.
move=> u0; rewrite le_eqVlt => /orP [/eqP <-|a0]; first by rewrite !(mulr0, mul0r) addr0.
by rewrite lnM ?posrE//; ring.
Qed.

Theorem unit_logistic u a b : 0 < u -> 0 <= a -> 0 <= b ->
  (u * a + u * b) * ln (u * a + u * b) - u * a * ln (u * a) - u * b * ln (u * b)
  = u * ((a + b) * ln (a + b) - a * ln a - b * ln b).
Proof.
by move=> u0 a0 b0; rewrite -mulrDr !xlnx_unit ?addr_ge0//; ring.
Qed.

Theorem unit_softmax (n : nat) u c (q : 'I_n -> R) : 0 < u -> 0 <= c ->
  (forall j, 0 <= q j) -> \sum_j q j = c ->
  u * c * ln (u * c) - \sum_j u * q j * ln (u * q j)
  = u * (c * ln c - \sum_j q j * ln (q j)).
Proof.
move=> u0 c0 q0 qc; under eq_bigr do rewrite xlnx_unit//.
rewrite big_split -!mulr_suml -!mulr_sumr qc xlnx_unit//=; ring.
Qed.

Theorem unit_kullback_leibler u c w : 0 < u -> 0 < c -> (u * c + u * w) / (u * c) = (c + w) / c.
Proof. by move=> u0 c0; field; rewrite !gt_eqF. Qed.

Theorem unit_poisson u q c : 0 < u -> 0 <= q -> 0 < c ->
  u * q - u * q * (ln (u * q) - ln (u * c)) = u * (q - q * (ln q - ln c)).
Proof.
by move=> u0 q0 c0; rewrite mulrBr xlnx_unit// lnM ?posrE//; ring.
Qed.

End Logarithms.
