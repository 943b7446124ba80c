(* Partial homogeneity: phi and theta homogeneous of one degree in the outer weights v alone, the inner
   weights a fixed.  Weak duality and the certificate hold, the polar taken over all a. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Partial.
Variables (R : realFieldType) (V : lmodType R) (A U Q : Type) (scale : R -> U -> U) (pw : R -> R).
Variables (phi : A * U -> V) (theta : A * U -> R) (l : V -> Q -> R) (H : Q -> R) (lam : R).

(* phi(a, s v) = s^p phi(a, v), theta(a, s v) = s^p theta(a, v), s >= 0 *)
Hypothesis deg : degree pw.
Hypothesis hom_phi : forall a s v, 0 <= s -> phi (a, scale s v) = pw s *: phi (a, v).
Hypothesis hom_theta : forall a s v, 0 <= s -> theta (a, scale s v) = pw s * theta (a, v).
Hypothesis theta_ge0 : forall x, 0 <= theta x.
Hypothesis lam_ge0 : 0 <= lam.

Local Notation f := (objective phi theta l H lam).

(* sup over all a and theta(a, v) <= 1 of <W, phi(a, v)> <= P, as every bound of the polar is used *)
Lemma ball_polar (w : {scalar V}) P : 0 <= P ->
  (forall a v, theta (a, v) <= 1 -> w (phi (a, v)) <= P) -> polar_le w phi theta P.
Proof.
move=> P0 ball [a v]; have [pos|] := ltP 0 (theta (a, v)).
  have inv0 : 0 <= (theta (a, v))^-1 by rewrite invr_ge0 ltW.
  have [s s0 e] := pw_onto deg inv0.
  have := ball a (scale s v); rewrite hom_phi ?hom_theta // e scalarE mulVf ?gt_eqF //.
  by move=> /(_ (lexx _)); rewrite mulrC ler_pdivrMr.
move=> neg; have free : theta (a, v) = 0 by apply/eqP; rewrite eq_le neg theta_ge0.
rewrite free mulr0 leNgt; apply/negP => gain.
have big : 0 <= (P + 1) / w (phi (a, v)) by rewrite divr_ge0 ?addr_ge0 // ltW.
have [s s0 e] := pw_onto deg big.
have := ball a (scale s v); rewrite hom_phi ?hom_theta // e free mulr0 scalarE => /(_ ler01).
by rewrite divfK ?gt_eqF //; lra.
Qed.

(* The certificate: every size is bounded, and balanced slices are global *)
Theorem partial_homogeneity (w : {scalar V}) :
  (forall a v, theta (a, v) <= 1 -> w (phi (a, v)) <= lam) ->
  (forall d, (forall Z q, d <= l Z q + H q + w Z) -> forall ys q, d <= f ys q)
  /\ (forall r (x : 'I_r -> A * U) q,
       (forall Z' q', l (fit phi (codom x)) q + H q - w (Z' - fit phi (codom x)) <= l Z' q' + H q') ->
       (forall i, w (phi (x i)) = lam * theta (x i)) -> forall ys q', f (codom x) q <= f ys q').
Proof.
move=> ball; have polar := ball_polar lam_ge0 ball; split=> [d hd ys q | r x q sub bal ys q'].
  exact: (weak_duality theta_ge0 hd polar (lexx lam)).
have := sub (fit phi ys) q'; have := polar_fit ys polar.
have e : w (fit phi (codom x)) = lam * price theta (codom x).
  by rewrite fit_family price_family linear_sum mulr_sumr; apply: eq_bigr.
by rewrite linearB e /objective; lra.
Qed.

End Partial.
