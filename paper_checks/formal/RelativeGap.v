(* Relative gap: balanced slices whose polar is bounded by P are within 1 - lam / P of the minimum. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section RelativeGap.
Variables (R : realFieldType) (V : lmodType R) (S Q : Type).
Variables (phi : S -> V) (theta : S -> R) (l : V -> Q -> R) (H : Q -> R) (lam : R).
Hypothesis theta_ge0 : forall x, 0 <= theta x.
Hypothesis lam_gt0 : 0 < lam.

Local Notation f := (objective phi theta l H lam).

Variables (r : nat) (x : 'I_r -> S) (q : Q) (w : {scalar V}) (P : R).
Let Z := fit phi (codom x).

(* -W is a subgradient of l + H at (Z, Q), the slices are balanced, P bounds Omega*(W) *)
Hypothesis subgradient : forall Z' q', l Z q + H q - w (Z' - Z) <= l Z' q' + H q'.
Hypothesis balanced : forall i, w (phi (x i)) = lam * theta (x i).
Hypothesis polar : polar_le w phi theta P.

Definition at_least low := forall Z' q', low <= l Z' q' + H q'.

(* s f(X) + (1 - s) inf (l + H) <= f_s(X'), 0 <= s <= 1, s P <= lam: d is concave and d(W) = f(X) *)
Theorem scaled_gap low s : at_least low -> 0 <= s -> s <= 1 -> s * P <= lam ->
  forall ys q', s * f (codom x) q + (1 - s) * low <= f ys q'.
Proof.
move=> least s0 s1 sP ys q'.
have a := subgradient (fit phi ys) q'; have b := least (fit phi ys) q'.
have c := polar_fit ys polar; have p0 := price_ge0 ys theta_ge0.
have e : w Z = lam * price theta (codom x).
  by rewrite /Z fit_family price_family linear_sum mulr_sumr; apply: eq_bigr.
move: a; rewrite linearB e /objective -/Z.
move: b c p0; move: (w _) (price theta ys) (price theta (codom x)) => u p p' b c p0 a.
have h1 : s * (l Z q + H q + lam * p') <= s * (l (fit phi ys) q' + H q' + P * p).
  by apply: ler_wpM2l => //; lra.
have h2 : (1 - s) * low <= (1 - s) * (l (fit phi ys) q' + H q').
  by apply: ler_wpM2l; rewrite ?subr_ge0.
have h3 : s * P * p <= lam * p by apply: ler_wpM2r.
by move: h1 h2 h3; rewrite !mulrDr mulrBl !mulrA; lra.
Qed.

Lemma price_family_ge0 : 0 <= price theta (codom x).
Proof. exact: price_ge0. Qed.

(* f(X) - F* <= (1 - lam / P)_+ (f(X) - inf (l + H)), F* the infimum over all sizes *)
Theorem gap_of_polar low ys q' : at_least low ->
  f (codom x) q - f ys q' <= Num.max 0 (1 - lam / P) * (f (codom x) q - low).
Proof.
move=> least; have above : 0 <= f (codom x) q - low.
  have := least Z q; have := mulr_ge0 (ltW lam_gt0) price_family_ge0.
  by rewrite /objective -/Z; lra.
have [small|big] := leP P lam.
  have h : 1 * P <= lam by rewrite mul1r.
  have := scaled_gap least ler01 (lexx 1) h ys q'; rewrite mul1r subrr mul0r addr0 => le.
  by apply: le_trans (_ : _ <= 0) _; [rewrite subr_le0 | rewrite mulr_ge0 // le_max lexx].
have P0 : 0 < P by apply: lt_trans big.
have s0 : 0 <= lam / P by rewrite divr_ge0 // ltW.
have s1 : lam / P <= 1 by rewrite ler_pdivrMr // mul1r ltW.
have sP : lam / P * P <= lam by rewrite divfK // gt_eqF.
have := scaled_gap least s0 s1 sP ys q'.
have /max_idPr -> : 0 <= 1 - lam / P by rewrite subr_ge0.
by move: (f _ _) (f _ _) (lam / P) => A B s; rewrite !mulrBl !mul1r !mulrBr; lra.
Qed.

(* l + H >= 0: f(X) <= max(1, P / lam) F* *)
Theorem relative_to_least ys q' : at_least 0 -> f (codom x) q <= Num.max 1 (P / lam) * f ys q'.
Proof.
move=> pos; have above : 0 <= f ys q'.
  have := pos (fit phi ys) q'; have := mulr_ge0 (ltW lam_gt0) (price_ge0 ys theta_ge0).
  by rewrite /objective; lra.
have [small|big] := leP P lam.
  have h : 1 * P <= lam by rewrite mul1r.
  have := scaled_gap pos ler01 (lexx 1) h ys q'; rewrite mul1r mulr0 addr0 => le.
  by apply: le_trans le _; rewrite ler_peMl // le_max lexx.
have P0 : 0 < P by apply: lt_trans big.
have s0 : 0 <= lam / P by rewrite divr_ge0 // ltW.
have s1 : lam / P <= 1 by rewrite ler_pdivrMr // mul1r ltW.
have sP : lam / P * P <= lam by rewrite divfK // gt_eqF.
have := scaled_gap pos s0 s1 sP ys q'; rewrite mulr0 addr0 mulrAC ler_pdivrMr // mulrC => le.
have {}le : f (codom x) q <= P / lam * f ys q'.
  by rewrite mulrAC ler_pdivlMr // [P * _]mulrC.
by apply: le_trans le _; apply: ler_wpM2r => //; rewrite le_max lexx orbT.
Qed.

End RelativeGap.

(* Both forms of the relative gap *)
Theorem relative_gap (R : realFieldType) (V : lmodType R) (S Q : Type) (phi : S -> V)
  (theta : S -> R) (l : V -> Q -> R) (H : Q -> R) (lam : R) r (x : 'I_r -> S) q
  (w : {scalar V}) (P : R) :
  (forall y, 0 <= theta y) -> 0 < lam ->
  (forall Z' q', l (fit phi (codom x)) q + H q - w (Z' - fit phi (codom x)) <= l Z' q' + H q') ->
  (forall i, w (phi (x i)) = lam * theta (x i)) -> polar_le w phi theta P ->
  (forall low, at_least l H low -> forall ys q',
     objective phi theta l H lam (codom x) q - objective phi theta l H lam ys q'
       <= Num.max 0 (1 - lam / P) * (objective phi theta l H lam (codom x) q - low))
  /\ (at_least l H 0 -> forall ys q',
     objective phi theta l H lam (codom x) q
       <= Num.max 1 (P / lam) * objective phi theta l H lam ys q').
Proof.
move=> t0 lam0 sub bal pol; split=> [low least ys q' | pos ys q'].
  exact: (gap_of_polar t0 lam0 sub bal pol ys q' least).
exact: (relative_to_least t0 lam0 sub bal pol ys q' pos).
Qed.
