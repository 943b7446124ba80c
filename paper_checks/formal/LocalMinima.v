(* Local minima: what a zero slice proves, and the flat path that makes one. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* g is affine to first order at 0: g(t) = g(0) + t s + o(t) *)
Definition derivative (R : realFieldType) (g : R -> R) (s : R) :=
  forall e, 0 < e -> exists2 d, 0 < d & forall t, `|t| < d -> `|g t - g 0 - t * s| <= e * `|t|.

Section Calculus.
Variable R : realFieldType.
Implicit Types (g h : R -> R) (s c : R).

Lemma derivativeD g h s c : derivative g s -> derivative h c ->
  derivative (fun t => g t + h t) (s + c).
Proof.
move=> dg dh e e0; have e2 : 0 < e / 2 by rewrite divr_gt0.
have [a a0 ha] := dg _ e2; have [b b0 hb] := dh _ e2.
exists (Num.min a b) => [|t]; first by rewrite lt_min a0.
rewrite lt_min => /andP[ta tb]; have := ha t ta; have := hb t tb.
rewrite !ler_norml => /andP[p1 p2] /andP[p3 p4]; apply/andP; split; lra.
Qed.

Lemma derivativeN g s : derivative g s -> derivative (fun t => - g t) (- s).
Proof.
move=> dg e e0; have [a a0 ha] := dg _ e0; exists a => // t ta.
by have := ha t ta; rewrite !ler_norml => /andP[p1 p2]; apply/andP; split; lra.
Qed.

Lemma derivative_line c : derivative (fun t => t * c) c.
Proof. by move=> e e0; exists 1 => // t _; rewrite mul0r subr0 subrr normr0 mulr_ge0 // ltW. Qed.

Lemma derivative_flip g s : derivative g s -> derivative (fun t => g (- t)) (- s).
Proof.
move=> dg e e0; have [a a0 ha] := dg _ e0; exists a => // t ta.
have := ha (- t); rewrite normrN => /(_ ta).
by rewrite oppr0 !ler_norml => /andP[p1 p2]; apply/andP; split; lra.
Qed.

(* a function that stays above its value at 0 for small t >= 0 has slope >= 0 there *)
Lemma slope_ge0 g s : (exists2 d, 0 < d & forall t, 0 <= t -> t < d -> g 0 <= g t) ->
  derivative g s -> 0 <= s.
Proof.
move=> [d0 d00 above] der; rewrite leNgt; apply/negP => neg.
have e0 : 0 < - s / 2 by lra.
have [d dpos small] := der _ e0.
pose m := Num.min d d0; pose t := m / 2.
have m0 : 0 < m by rewrite lt_min dpos.
have t0 : 0 < t by rewrite divr_gt0.
have : t < m by rewrite /t; lra.
rewrite lt_min => /andP[td td0].
have := small t; rewrite gtr0_norm // => /(_ td); rewrite ler_norml => /andP[_].
have := above t (ltW t0) td0.
by nra.
Qed.

Lemma slope_eq0 g s : (exists2 d, 0 < d & forall t, `|t| < d -> g 0 <= g t) ->
  derivative g s -> s = 0.
Proof.
move=> [d d0 above] der; apply/eqP; rewrite eq_le; apply/andP; split; last first.
  by apply: slope_ge0 der; exists d => // t t0 td; apply: above; rewrite ger0_norm.
rewrite -oppr_ge0; apply: slope_ge0 (derivative_flip der); exists d => // t t0 td.
by rewrite oppr0; apply: above; rewrite normrN ger0_norm.
Qed.

Variables (pw : R -> R) (deg : degree pw).

Lemma pw_inv a b : 0 <= b -> pw a < pw b -> a < b.
Proof.
move=> b0 lt; rewrite ltNge; apply/negP; rewrite le_eqVlt => /orP[/eqP e|ba].
  by rewrite e ltxx in lt.
by have := lt_trans lt (pw_lt deg b0 ba); rewrite ltxx.
Qed.

Lemma pw_ge0 a : 0 <= a -> 0 <= pw a.
Proof.
rewrite le_eqVlt => /orP[/eqP <-|a0]; first by rewrite (pw0 deg).
by rewrite -(pw0 deg) ltW // (pw_lt deg).
Qed.

Lemma pw_near0 e : 0 < e ->
  exists2 d, 0 < d & forall t, 0 <= t -> t < d -> exists a, [/\ 0 <= a, pw a = t & `|a| < e].
Proof.
move=> e0; exists (pw e) => [|t t0 te]; first by rewrite -(pw0 deg) (pw_lt deg).
have [a a0 ea] := pw_onto deg t0; exists a; split=> //.
by rewrite ger0_norm //; apply: pw_inv; rewrite ?ea // ltW.
Qed.

Lemma pw_near1 e : 0 < e ->
  exists2 d, 0 < d & forall t, `|t| < d -> exists a, [/\ 0 <= a, pw a = 1 + t & `|a - 1| < e].
Proof.
move=> epos; pose c := Num.min e (1 / 2).
have c0 : 0 < c by rewrite lt_min epos divr_gt0.
have ce : c <= e by rewrite ge_min lexx.
have c2 : c <= 1 / 2 by rewrite ge_min lexx orbT.
have low0 : 0 <= 1 - c by lra.
have low : pw (1 - c) < 1 by rewrite -[X in _ < X](pw1 deg); apply: (pw_lt deg) => //; lra.
have up : 1 < pw (1 + c) by rewrite -[X in X < _](pw1 deg); apply: (pw_lt deg) => //; lra.
exists (Num.min (pw (1 + c) - 1) (1 - pw (1 - c))) => [|t].
  by rewrite lt_min !subr_gt0 low up.
rewrite lt_min !ltr_norml => /andP[/andP[_ t1] /andP[t2 _]].
have pos := pw_ge0 low0.
have t0 : 0 <= 1 + t by lra.
have [a a0 ea] := pw_onto deg t0; exists a; split=> //.
have a1 : a < 1 + c by apply: pw_inv; rewrite ?ea; lra.
have a2 : 1 - c < a by apply: pw_inv; rewrite ?ea //; lra.
by rewrite ltr_norml; apply/andP; split; lra.
Qed.

End Calculus.

Section LocalMinimum.
Variables (R : realFieldType) (V Q : lmodType R) (S : Type) (K : cone R S) (pw : R -> R).
Variables (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Variables (l : V -> Q -> R) (H : Q -> R) (lam : R).
Variable size_of : Q -> R.  (* a norm of Q, by what is used of it *)
Hypothesis size_of_scale : forall t q, size_of (t *: q) = `|t| * size_of q.
Hypothesis lam_gt0 : 0 < lam.

Local Notation f := (objective phi theta l H lam).

(* (X, Q) is a local minimum of f_r *)
Definition local_minimum r (x : 'I_r -> S) q := exists2 e, 0 < e & forall y q',
  (forall i, dist K (y i) (x i) < e) -> size_of (q' - q) < e -> f (codom x) q <= f (codom y) q'.

(* l + H is convex in (Z, Q) together *)
Definition jointly_convex := forall Z Z' q q' t, 0 <= t -> t <= 1 ->
  l (Z + t *: (Z' - Z)) (q + t *: (q' - q)) + H (q + t *: (q' - q))
    <= (1 - t) * (l Z q + H q) + t * (l Z' q' + H q').

(* l is differentiable at (Z, Q) along lines, with gradient -lam W in Z *)
Definition gradient (w : V -> R) (v : Q -> R) Z q := forall D E,
  derivative (fun t => l (Z + t *: D) (q + t *: E)) (v E - lam * w D).

Lemma dist_refl x : dist K x x <= 0.
Proof.
by have := dist_act K x (@ler01 R) (@ler01 R); rewrite act1 subrr normr0 mul0r.
Qed.

Lemma near_replace r (x : 'I_r -> S) i z e : 0 < e -> dist K z (x i) < e ->
  forall j, dist K (replace x i z j) (x j) < e.
Proof.
move=> e0 near j; rewrite /replace; case: eqP => [->//|_].
exact: le_lt_trans (dist_refl _) e0.
Qed.

Lemma near_act a b x e : 0 <= a -> 0 <= b -> 0 < e -> `|a - b| < e / (1 + len K x) ->
  dist K (act K a x) (act K b x) < e.
Proof.
move=> a0 b0 e0 h; apply: le_lt_trans (dist_act K x a0 b0) _.
have len1 : 0 < 1 + len K x by rewrite ltr_wpDr ?len_ge0.
move: h; rewrite ltr_pdivlMr // => h; apply: le_lt_trans h.
by apply: ler_wpM2l; rewrite ?normr_ge0 // lerDr.
Qed.

Lemma size_of0 (q : Q) : size_of (q - q) = 0.
Proof. by rewrite subrr -(scale0r (0 : Q)) size_of_scale normr0 mul0r. Qed.

Variables (r : nat) (x : 'I_r -> S) (q : Q).
Hypothesis minimal : local_minimum x q.
Let Z := fit phi (codom x).

Lemma len1_gt0 z : 0 < 1 + len K z.
Proof. by rewrite ltr_wpDr ?len_ge0. Qed.

(* scaling slice i by (1 + t)^(1/p) does not lower f *)
Lemma scaling_direction i : exists2 d, 0 < d & forall t, `|t| < d ->
  l Z q <= l (Z + t *: phi (x i)) q + t * (lam * theta (x i)).
Proof.
have [e e0 min] := minimal.
have [d d0 near] := pw_near1 (hom_degree hom) (divr_gt0 e0 (len1_gt0 (x i))).
exists d => // t td; have [a [a0 ea close]] := near t td.
have := min (replace x i (act K a (x i))) q.
rewrite size_of0 => /(_ _ e0); rewrite /objective !fit_family !price_family !sum_replace.
rewrite (hom_phi hom) // (hom_theta hom) // ea -fit_family -/Z.
have -> : (1 + t) *: phi (x i) - phi (x i) = t *: phi (x i).
  by rewrite scalerDl scale1r addrAC subrr add0r.
have near_x : forall j, dist K (replace x i (act K a (x i)) j) (x j) < e.
  by apply: near_replace => //; rewrite -[X in dist K _ X](act1 K) near_act.
by move=> /(_ near_x); lra.
Qed.

(* replacing a zero slice by t^(1/p) z does not lower f *)
Lemma zero_direction i z : x i = zero K -> exists2 d, 0 < d & forall t, 0 <= t -> t < d ->
  l Z q <= l (Z + t *: phi z) q + t * (lam * theta z).
Proof.
move=> xi0; have [e e0 min] := minimal.
have [d d0 near] := pw_near0 (hom_degree hom) (divr_gt0 e0 (len1_gt0 z)).
exists d => // t t0 td; have [a [a0 ea close]] := near t t0 td.
have := min (replace x i (act K a z)) q.
rewrite size_of0 => /(_ _ e0); rewrite /objective !fit_family !price_family !sum_replace.
rewrite (hom_phi hom) // (hom_theta hom) // ea xi0 (phi_zero hom) (theta_zero hom) !subr0.
rewrite -fit_family -/Z.
have near_x : forall j, dist K (replace x i (act K a z) j) (x j) < e.
  by apply: near_replace => //; rewrite xi0 -(act0 K z) near_act // subr0.
by move=> /(_ near_x); lra.
Qed.

Variables (w : {scalar V}) (v : {scalar Q}).
Hypothesis grad : gradient w v Z q.

Lemma gradient_Z D : derivative (fun t => l (Z + t *: D) q) (- (lam * w D)).
Proof.
move=> e e0; have [d d0 h] := grad D 0 e0; exists d => // t td.
by have := h t td; rewrite !scaler0 !addr0 linear0 add0r.
Qed.

(* <W, phi(X_i)> = theta(X_i) *)
Theorem balance_of_local_minimum i : w (phi (x i)) = theta (x i).
Proof.
have [d d0 above] := scaling_direction i.
have := derivativeD (gradient_Z (phi (x i))) (derivative_line (lam * theta (x i))).
move/slope_eq0 => e; have {}e : - (lam * w (phi (x i))) + lam * theta (x i) = 0.
  by apply: e; exists d => // t td; rewrite scale0r addr0 mul0r addr0; apply: above.
have {}e : lam * (theta (x i) - w (phi (x i))) = 0 by lra.
by move/eqP: e; rewrite mulf_eq0 (gt_eqF lam_gt0) subr_eq0 => /eqP.
Qed.

(* <W, phi(z)> <= theta(z) for all z, where a slice is zero *)
Theorem polar_of_zero_slice i z : x i = zero K -> w (phi z) <= theta z.
Proof.
move=> xi0; have [d d0 above] := zero_direction z xi0.
have := derivativeD (gradient_Z (phi z)) (derivative_line (lam * theta z)).
move/slope_ge0 => h; have {}h : 0 <= - (lam * w (phi z)) + lam * theta z.
  by apply: h; exists d => // t t0 td; rewrite scale0r addr0 mul0r addr0; apply: above.
have {}h : 0 <= lam * (theta z - w (phi z)) by lra.
by move: h; rewrite pmulr_rge0 // subr_ge0.
Qed.

(* moving Q does not lower f *)
Lemma offset_direction E : exists2 d, 0 < d & forall t, 0 <= t -> t < d ->
  l Z q + H q <= l Z (q + t *: E) + H (q + t *: E).
Proof.
have [e e0 min] := minimal; have size0 : 0 <= size_of E \/ size_of E < 0 by case: ltP; auto.
exists (e / (1 + `|size_of E|)) => [|t t0]; first by rewrite divr_gt0 // ltr_wpDr.
rewrite ltr_pdivlMr ?ltr_wpDr // => small; have := min x (q + t *: E).
rewrite addrAC subrr add0r size_of_scale ger0_norm // /objective -/Z => h.
have near_x j : dist K (x j) (x j) < e by apply: le_lt_trans (dist_refl _) e0.
have := h near_x; suff -> : t * size_of E < e by move=> /(_ isT); lra.
by apply: le_lt_trans small; have := ler_norm (size_of E); nra.
Qed.

(* convexity and differentiability: -lam W supports l + H at (Z, Q) *)
Theorem supported_of_local_minimum : jointly_convex -> supported l H lam w Z q.
Proof.
move=> conv Z' q'; set D := Z' - Z; set E := q' - q.
pose g t := t * (l Z' q' + H q' - (l Z q + H q)) + - l (Z + t *: D) (q + t *: E)
  + l (Z + t *: 0) (q + t *: E).
have der : derivative g ((l Z' q' + H q' - (l Z q + H q)) + - (v E - lam * w D)
    + (v E - lam * w 0)).
  by apply: derivativeD (grad 0 E); apply: derivativeD (derivativeN (grad D E)); exact: derivative_line.
have [d d0 above] := offset_direction E.
have := slope_ge0 _ der; rewrite linear0 => h.
suff /h : exists2 d, 0 < d & forall t, 0 <= t -> t < d -> g 0 <= g t by lra.
exists (Num.min d 1) => [|t t0]; first by rewrite lt_min d0 ltr01.
rewrite lt_min => /andP[td t1]; have a := above t t0 td.
have c := conv Z Z' q q' t t0 (ltW t1).
by rewrite /g !scaler0 !scale0r !addr0 -/D -/E in a c *; lra.
Qed.

(* Zero slice: a local minimum with one zero slice is global, among factors of every size. *)
Theorem zero_slice i : jointly_convex -> x i = zero K -> forall ys q', f (codom x) q <= f ys q'.
Proof.
move=> conv xi0; apply: (directional_global (w := w)).
- exact: ltW.
- exact: supported_of_local_minimum.
- exact: balance_of_local_minimum.
- by move=> z; apply: polar_of_zero_slice xi0.
Qed.

(* A local minimum, no slice zero, whose W has Omega*(W) <= 1, is global. *)
Theorem polar_test : jointly_convex -> polar_le w phi theta 1 ->
  forall ys q', f (codom x) q <= f ys q'.
Proof.
move=> conv le1; apply: (directional_global (w := w)).
- exact: ltW.
- exact: supported_of_local_minimum.
- exact: balance_of_local_minimum.
- by move=> z; have := le1 z; rewrite mul1r.
Qed.

End LocalMinimum.
