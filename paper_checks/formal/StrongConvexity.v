(* Distance to the global minimum, from strong convexity by its definition:
   F(Z + t D, Q + t E) <= (1 - t) F(Z, Q) + t F(Z', Q') - m/2 t (1 - t) |D|^2, D = Z' - Z, E = Q' - Q. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum matrix.
From mathcomp Require Import reals constructive_ereal.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality LocalMinima Omega.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* t^2 c has slope 0 at 0 *)
Lemma derivative_square (R : realFieldType) (c : R) : derivative (fun t => t ^+ 2 * c) 0.
Proof.
move=> e e0; have c1 : 0 < 1 + `|c| by rewrite ltr_wpDr.
exists (e / (1 + `|c|)) => [|t]; first by rewrite divr_gt0.
rewrite ltr_pdivlMr // => small.
rewrite expr0n mul0r mulr0 !subr0 normrM normrX expr2 -mulrA mulrC ler_wpM2r //.
apply: le_trans (ltW small); rewrite ler_wpM2l // lerDr; exact: ler01.
Qed.

Section Strong.
Variables (R : realFieldType) (V Q : lmodType R).
Variables (l : V -> Q -> R) (H : Q -> R) (m : R).
Variable size2 : V -> R.  (* |.|^2, by what is used of it *)
Hypothesis m_ge0 : 0 <= m.
Hypothesis size2_ge0 : forall D, 0 <= size2 D.

(* l + H is m-strongly convex in Z and convex in (Z, Q) together *)
Definition strongly_convex := forall Z Z' q q' t, 0 <= t -> t <= 1 ->
  l (Z + t *: (Z' - Z)) (q + t *: (q' - q)) + H (q + t *: (q' - q))
    <= (1 - t) * (l Z q + H q) + t * (l Z' q' + H q') - m / 2 * (t * (1 - t)) * size2 (Z' - Z).

(* no other Q is better for this Z *)
Definition best_offset Z q := forall q', l Z q + H q <= l Z q' + H q'.

Lemma strongly_convex_convex : strongly_convex -> jointly_convex l H.
Proof.
move=> strong Z Z' q q' t t0 t1; apply: le_trans (strong Z Z' q q' t t0 t1) _.
rewrite gerBl; apply: mulr_ge0 (size2_ge0 _); apply: mulr_ge0; first by rewrite divr_ge0 // ler0n.
by rewrite mulr_ge0 // subr_ge0.
Qed.

(* l(Z', Q') + H(Q') >= l + H - lam <W, Z' - Z> + m/2 |Z' - Z|^2, where -lam W is l's derivative in Z
   and Q is the best for Z *)
Theorem strong_support lam (w : {scalar V}) (v : Q -> R) Z q :
  strongly_convex -> gradient l lam w v Z q -> best_offset Z q -> forall Z' q',
  l Z q + H q - lam * w (Z' - Z) + m / 2 * size2 (Z' - Z) <= l Z' q' + H q'.
Proof.
move=> strong grad best Z' q'; set D := Z' - Z; set E := q' - q.
set c := m / 2 * size2 D.
pose slope := l Z' q' + H q' - (l Z q + H q) - c.
pose g t := t * slope + t ^+ 2 * c + - l (Z + t *: D) (q + t *: E)
  + l (Z + t *: 0) (q + t *: E).
have der : derivative g (slope + 0 + - (v E - lam * w D) + (v E - lam * w 0)).
  apply: derivativeD (grad 0 E); apply: derivativeD (derivativeN (grad D E)).
  by apply: derivativeD (derivative_square c); exact: derivative_line.
have := slope_ge0 _ der; rewrite linear0 => h.
suff /h : exists2 d, 0 < d & forall t, 0 <= t -> t < d -> g 0 <= g t by rewrite /slope; lra.
exists 1 => [|t t0 t1]; first exact: ltr01.
have a := best (q + t *: E); have b := strong Z Z' q q' t t0 (ltW t1).
rewrite /g /slope !scaler0 !scale0r !addr0 -/D -/E -/c in a b *.
have : m / 2 * (t * (1 - t)) * size2 D = t * (1 - t) * c by rewrite /c; ring.
move=> e; rewrite e in b.
by rewrite !mul0r expr0n mul0r; lra.
Qed.

(* the same of a subgradient of l + H *)
Theorem strong_subgradient lam (w : {scalar V}) Z q : strongly_convex ->
  supported l H lam w Z q -> forall Z' q',
  l Z q + H q - lam * w (Z' - Z) + m / 2 * size2 (Z' - Z) <= l Z' q' + H q'.
Proof.
move=> strong sup Z' q'; set D := Z' - Z; set c := m / 2 * size2 D.
set F := l Z q + H q; set F' := l Z' q' + H q'.
have low t : 0 < t -> t <= 1 -> 0 <= F' - F + lam * w D - (1 - t) * c.
  move=> t0 t1; have := strong Z Z' q q' t (ltW t0) t1.
  have := sup (Z + t *: D) (q + t *: (q' - q)).
  have -> : Z + t *: D - Z = t *: D by rewrite addrAC subrr add0r.
  rewrite scalarE -/F -/F' -/D.
  have -> : m / 2 * (t * (1 - t)) * size2 D = t * (1 - t) * c by rewrite /c; ring.
  move=> a b; rewrite -(pmulr_rge0 _ t0).
  have : F - lam * (t * w D) <= (1 - t) * F + t * F' - t * (1 - t) * c by apply: le_trans a b.
  lra.
rewrite -subr_ge0; set x := _ - _; rewrite leNgt; apply/negP => neg.
have c0 : 0 <= c by rewrite /c mulr_ge0 // divr_ge0 // ler0n.
have e : x = F' - F + lam * w D - c by rewrite /x; ring.
pose t := Num.min 1 (- x / (2 * (1 + c))).
have c1 : 0 < 2 * (1 + c) by lra.
have t0 : 0 < t by rewrite lt_min ltr01 divr_gt0 // oppr_gt0.
have t1 : t <= 1 by rewrite ge_min lexx.
have tx : t * (2 * (1 + c)) <= - x by rewrite -ler_pdivlMr // ge_min lexx orbT.
have := low t t0 t1; nra.
Qed.

End Strong.

Section Distance.
Variables (R : realFieldType) (V Q : lmodType R) (S : Type).
Variables (phi : S -> V) (theta : S -> R) (l : V -> Q -> R) (H : Q -> R) (lam m : R).
Variable size2 : V -> R.
Hypothesis m_ge0 : 0 <= m.
Hypothesis size2_ge0 : forall D, 0 <= size2 D.
Hypothesis strong : strongly_convex l H m size2.

Local Notation f := (objective phi theta l H lam).

Variables (r : nat) (x : 'I_r -> S) (q : Q) (w : {scalar V}) (v : Q -> R).
Let Z := fit phi (codom x).
Hypothesis grad : gradient l 1 w v Z q.
Hypothesis best : best_offset l H Z q.
Hypothesis balanced : forall i, w (phi (x i)) = lam * theta (x i).

(* W = -grad l at Z, slices balanced, Omega*(W) <= P: against factors of every size,
   f(X) - f(X') <= (P - lam) sum theta(X') - m/2 |Z' - Z|^2 *)
Theorem distance_bound_slices P : polar_le w phi theta P ->
  forall ys q', f (codom x) q - f ys q'
    <= (P - lam) * price theta ys - m / 2 * size2 (fit phi ys - Z).
Proof.
move=> hw ys q'; apply: (supported_distance (D := fun A B => size2 (A - B)) _ balanced hw).
by move=> Z' p; have := strong_support strong grad best Z' p; rewrite mul1r.
Qed.

(* ... so with Omega*(W) <= lam what is as good as X has its product *)
Theorem strongly_convex_unique : polar_le w phi theta lam ->
  forall ys q', f ys q' <= f (codom x) q -> m * size2 (fit phi ys - Z) <= 0.
Proof.
move=> hw ys q' le; have := distance_bound_slices hw ys q'.
by rewrite subrr mul0r; lra.
Qed.

End Distance.

Section DistanceOmega.
Variables (R : realType) (V Q : lmodType R) (S : Type).
Variables (phi : S -> V) (theta : S -> R) (l : V -> Q -> R) (H : Q -> R) (lam m : R).
Variable size2 : V -> R.

(* Distance bound, against any Z', Q' where Omega(Z') is finite, so against a minimum of F:
   f(X) - F(Z', Q') <= lam Omega(Z') (Omega*(W) / lam - 1) - m/2 |Z' - Z|^2 *)
Theorem distance_bound r (x : 'I_r -> S) q (w : {scalar V}) (v : Q -> R) (P : R) :
  0 < lam -> 0 <= m -> (forall D, 0 <= size2 D) -> strongly_convex l H m size2 ->
  gradient l 1 w v (fit phi (codom x)) q -> best_offset l H (fit phi (codom x)) q ->
  (forall i, w (phi (x i)) = lam * theta (x i)) -> polar_le w phi theta P -> 0 < P ->
  forall Z' q' o, Omega phi theta Z' = o%:E ->
  objective phi theta l H lam (codom x) q - (l Z' q' + lam * o + H q')
    <= lam * o * (P / lam - 1) - m / 2 * size2 (Z' - fit phi (codom x)).
Proof.
move=> lam0 m0 s0 strong grad best bal hw P0 Z' q' o eO.
apply: (supported_distance_Omega lam0 (D := fun A B => size2 (A - B)) q' _ bal hw P0 eO).
by move=> Z'' p; have := strong_support strong grad best Z'' p; rewrite mul1r.
Qed.

End DistanceOmega.

(* the squared loss is 1-strongly convex *)
Theorem squared_strongly_convex (R : realFieldType) (Q : lmodType R) k n (Y : 'M[R]_(k, n)) :
  @strongly_convex R _ Q (fun Z _ => sq (Z - Y) / 2) (fun=> 0) 1 (@sq R k n).
Proof.
move=> Z Z' _ _ t _ _ /=; set A := Z - Y; have -> : Z' - Y = A + (Z' - Z) by rewrite /A [RHS]addrC addrA subrK.
set D := Z' - Z; have -> : Z + t *: D - Y = A + t *: D by rewrite addrAC.
by move: A D => A D; rewrite !sqD sqZ dotZr; lra.
Qed.
