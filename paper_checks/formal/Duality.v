(* Weak duality, and when a point is global: first-order conditions against every size. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Duality.
Variables (R : realFieldType) (V : lmodType R) (S Q : Type).
Variables (phi : S -> V) (theta : S -> R) (l : V -> Q -> R) (H : Q -> R) (lam : R).
Hypothesis theta_ge0 : forall x, 0 <= theta x.
Implicit Types (w : {scalar V}) (xs ys : seq S) (q : Q).

Local Notation f := (objective phi theta l H lam).

(* <W, sum phi(x)> <= P sum theta(x): what a bound of the polar says of sequences *)
Lemma polar_fit w P xs : polar_le w phi theta P -> w (fit phi xs) <= P * price theta xs.
Proof. by move=> h; rewrite /fit /price linear_sum mulr_sumr; apply: ler_sum. Qed.

Lemma polar_le_trans w P P' : P <= P' -> polar_le w phi theta P -> polar_le w phi theta P'.
Proof. by move=> hP h x; have := h x; have := theta_ge0 x; nra. Qed.

(* d(W) <= l(Z, Q) + H(Q) + <W, Z> for all Z, Q and Omega*(W) <= P <= lam
   ==> d(W) <= f_s(X, Q) for every size s and all X, Q.  No stationarity, no convexity. *)
Theorem weak_duality w d P : (forall Z q, d <= l Z q + H q + w Z) ->
  polar_le w phi theta P -> P <= lam -> forall xs q, d <= f xs q.
Proof.
move=> hd hw hP xs q; have h := hd (fit phi xs) q.
by have := polar_fit xs (polar_le_trans hP hw); rewrite /objective; lra.
Qed.

(* the same for s W, 0 <= s <= lam / P *)
Theorem weak_duality_scaled w s d P : 0 <= s -> s * P <= lam ->
  (forall Z q, d <= l Z q + H q + s * w Z) -> polar_le w phi theta P ->
  forall xs q, d <= f xs q.
Proof.
move=> s0 hs hd hw xs q; have h := hd (fit phi xs) q.
by have := polar_fit xs hw; have := price_ge0 xs theta_ge0; rewrite /objective; nra.
Qed.

(* without factors: d(0) = inf l + H is a lower bound *)
Theorem trivial_bound d : 0 <= lam -> (forall Z q, d <= l Z q + H q) -> forall xs q, d <= f xs q.
Proof.
move=> lam0 hd xs q; have := hd (fit phi xs) q; have := price_ge0 xs theta_ge0.
by rewrite /objective; nra.
Qed.

(* A candidate X at Q with -lam W in the subdifferential of l + H there, the one in Q being 0. *)
Definition supported w Z q :=
  forall Z' q', l Z q + H q - lam * w (Z' - Z) <= l Z' q' + H q'.

(* Zero slice, from the directional conditions that a zero slice at a local minimum gives
   (LocalMinima.v): <W, phi(X_i)> = theta(X_i), <W, phi(z)> <= theta(z)  ==>  global, every size. *)
Theorem directional_global r (x : 'I_r -> S) q w : 0 <= lam -> supported w (fit phi (codom x)) q ->
  (forall i, w (phi (x i)) = theta (x i)) -> (forall z, w (phi z) <= theta z) ->
  forall ys q', f (codom x) q <= f ys q'.
Proof.
move=> lam0 sub bal dir ys q'; have := sub (fit phi ys) q'.
have balanced : w (fit phi (codom x)) = price theta (codom x).
  by rewrite fit_family price_family linear_sum; apply: eq_bigr.
have le1 : polar_le w phi theta 1 by move=> z; rewrite mul1r.
have := polar_fit ys le1; rewrite linearB balanced mul1r /objective.
by move: (w _) (price _ _) (price _ _) => a b c h1 h2; nra.
Qed.

(* Append a zero, in its first-order form: Omega*(W) <= 1 and balance. *)
Theorem append_zero_first_order r (x : 'I_r -> S) q w : 0 <= lam ->
  supported w (fit phi (codom x)) q -> polar_le w phi theta 1 ->
  w (fit phi (codom x)) = price theta (codom x) ->
  forall ys q', f (codom x) q <= f ys q'.
Proof.
move=> lam0 sub le1 balanced ys q'; have := sub (fit phi ys) q'.
have := polar_fit ys le1; rewrite linearB balanced mul1r /objective.
by move: (w _) (price _ _) (price _ _) => a b c h1 h2; nra.
Qed.

(* balance of the whole is balance of each slice, where Omega*(W) <= 1 *)
Theorem balance_each r (x : 'I_r -> S) w : polar_le w phi theta 1 ->
  w (fit phi (codom x)) = price theta (codom x) -> forall i, w (phi (x i)) = theta (x i).
Proof.
move=> le1; rewrite fit_family price_family linear_sum => e i.
have gap j : 0 <= theta (x j) - w (phi (x j)) by have := le1 (x j); lra.
have : \sum_j (theta (x j) - w (phi (x j))) = 0 by rewrite sumrB e subrr.
by move=> /(psumr_eq0P (fun j _ => gap j)) /(_ i isT) /eqP; rewrite subr_eq0 => /eqP.
Qed.

(* Distance, where l + H is above its tangent at (Z, Q) by m D(Z', Z) (StrongConvexity.v proves that),
   the slices balanced <W, phi(X_i)> = lam theta(X_i):
   f(X) - f(X') <= (Omega*(W) - lam) sum theta(X') - m D(Z', Z)       of every size. *)
Lemma supported_distance (D : V -> V -> R) (m : R) r (x : 'I_r -> S) q w P :
  (forall Z' q', l (fit phi (codom x)) q + H q - w (Z' - fit phi (codom x))
     + m * D Z' (fit phi (codom x)) <= l Z' q' + H q') ->
  (forall i, w (phi (x i)) = lam * theta (x i)) -> polar_le w phi theta P ->
  forall ys q', f (codom x) q - f ys q'
    <= (P - lam) * price theta ys - m * D (fit phi ys) (fit phi (codom x)).
Proof.
move=> strong bal hw ys q'; have := strong (fit phi ys) q'.
have balanced : w (fit phi (codom x)) = lam * price theta (codom x).
  by rewrite fit_family price_family linear_sum mulr_sumr; apply: eq_bigr.
by have := polar_fit ys hw; rewrite linearB balanced /objective; lra.
Qed.

End Duality.

(* weak duality of matrices, as the kernel computes it: <W, Z> = sum W_ij Z_ij *)
Theorem weak_duality_matrix (R : realFieldType) m n (S Q : Type) (phi : S -> 'M[R]_(m, n))
  (theta : S -> R) l (H : Q -> R) lam (W : 'M[R]_(m, n)) (s d P : R) :
  (forall x, 0 <= theta x) -> 0 <= s -> s * P <= lam ->
  (forall Z q, d <= l Z q + H q + dot (s *: W) Z) -> polar_le (dot W) phi theta P ->
  forall xs q, d <= objective phi theta l H lam xs q.
Proof.
move=> theta0 s0 hs hd hw; apply: (weak_duality_scaled (w := inner_with W) theta0 s0 hs) => // Z q.
by have := hd Z q; rewrite dotZl.
Qed.

(* W moved by exact corrections C, |C| <= s, |phi(x)| <= c theta(x): the polar grows by s c at most *)
Theorem corrected_polar (R : realFieldType) m n (S : Type) (phi : S -> 'M[R]_(m, n))
  (theta : S -> R) (W C : 'M[R]_(m, n)) (P s c : R) : 0 <= s -> 0 <= c ->
  (forall x, 0 <= theta x) -> sq C <= s ^+ 2 -> (forall x, sq (phi x) <= (c * theta x) ^+ 2) ->
  polar_le (dot W) phi theta P -> polar_le (dot (W + C)) phi theta (P + s * c).
Proof.
move=> s0 c0 theta0 hC wide hW x; rewrite dotDl.
have := cauchy_schwarz_le s0 (mulr_ge0 c0 (theta0 x)) hC (wide x).
by have := hW x; lra.
Qed.

(* the candidate's own value over all Q, offsets that were found: what better factors must beat *)
Theorem floor_bound (R : realFieldType) (V : lmodType R) (S Q : Type) (phi : S -> V) (theta : S -> R)
  l (H : Q -> R) lam (w : V -> R) d xs : (forall Z q, d <= l Z q + H q + w Z) ->
  forall q, d - w (fit phi xs) + lam * price theta xs <= objective phi theta l H lam xs q.
Proof. by move=> hd q; have := hd (fit phi xs) q; rewrite /objective; lra. Qed.

(* REFUTED and RANK_LIMITED: a gap of more than epsilon between what was found and that floor *)
Theorem refuted (R : realFieldType) (V : lmodType R) (S Q : Type) (phi : S -> V) (theta : S -> R)
  l (H : Q -> R) lam xs ys (q' : Q) (low high eps : R) :
  (forall q, low <= objective phi theta l H lam xs q) ->
  objective phi theta l H lam ys q' <= high -> high + eps < low ->
  forall q, objective phi theta l H lam ys q' + eps < objective phi theta l H lam xs q.
Proof. by move=> hl hh gap q; have := hl q; lra. Qed.

(* CERTIFIED: within epsilon of every competitor *)
Theorem certified (R : realFieldType) (V : lmodType R) (S Q : Type) (phi : S -> V) (theta : S -> R)
  l (H : Q -> R) lam xs (q : Q) (low high eps : R) :
  (forall ys q', low <= objective phi theta l H lam ys q') ->
  objective phi theta l H lam xs q <= high -> high - low <= eps ->
  forall ys q', objective phi theta l H lam xs q <= objective phi theta l H lam ys q' + eps.
Proof. by move=> hl hh gap ys q'; have := hl ys q'; lra. Qed.

(* Squared loss: a column z with <W_0, phi(z)> = p > lam theta(z) >= 0 lowers f,
   phi(z) != 0, by (p - lam theta(z))^2 / (2 |phi(z)|^2) at the step t = (p - lam theta)/|phi|^2. *)
Theorem escape (R : realFieldType) m n (Y Z F : 'M[R]_(m, n)) (lam th t : R) :
  0 < sq F -> t = (dot (Y - Z) F - lam * th) / sq F ->
  sq (Z + t *: F - Y) / 2 + lam * (t * th)
    = sq (Z - Y) / 2 - (dot (Y - Z) F - lam * th) ^+ 2 / (2 * sq F).
Proof.
move=> pos ->; set p := dot _ _; set s := sq F in pos *.
have -> : Z + (p - lam * th) / s *: F - Y = (Z - Y) + ((p - lam * th) / s) *: F.
  by rewrite addrAC.
rewrite sqD sqZ dotZr -/s; have -> : dot (Z - Y) F = - p by rewrite /p -opprB dotNl.
by field; rewrite gt_eqF.
Qed.
