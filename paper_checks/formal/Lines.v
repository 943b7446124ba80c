(* `lines`: for |u|_1 (or |v|_1) the polar is at a line, and there a dual norm.

   The kernel takes the largest dual norm over the lines and the signs that the cone of u allows
   (SIGNS), so P is at least each; P >= 0 is not needed.  Its fast path (`Arithmetic.lines`) is
   the same for l1, l2, linf with one sign on each side; for a cone "-" of v it turns W's sign
   and v's, and for a free v one sign of W is enough (`dual_even`). *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Pairs.
Variable R : rcfType.

(* Omega*(W) <= P for phi = u v^T, theta = |u|_a |v|_b, u and v in cones: every rule's claim *)
Definition pair_le m n (Na : 'cV[R]_m -> R) ca (Nb : 'cV[R]_n -> R) cb (W : 'M[R]_(m, n)) P :=
  forall u v, in_cone ca u -> in_cone cb v -> dot u (W *m v) <= P * (Na u * Nb v).

(* the same in the general setting: slices are the pairs in the cones *)
Theorem pair_polar m n Na ca Nb cb (W : 'M[R]_(m, n)) P : pair_le Na ca Nb cb W P ->
  polar_le (fun Z => dot W Z)
    (fun x : {x : 'cV[R]_m * 'cV[R]_n | in_cone ca x.1 /\ in_cone cb x.2} =>
       (sval x).1 *m (sval x).2^T)
    (fun x => Na (sval x).1 * Nb (sval x).2) P.
Proof. by move=> h [[u v] /= [cu cv]]; rewrite dot_outer; apply: h. Qed.

(* the form "sum": theta = 1/2 (|u|^2 + |v|^2) is at least the product *)
Theorem pair_sum m n Na ca Nb cb (W : 'M[R]_(m, n)) P : 0 <= P -> pair_le Na ca Nb cb W P ->
  polar_le (fun Z => dot W Z)
    (fun x : {x : 'cV[R]_m * 'cV[R]_n | in_cone ca x.1 /\ in_cone cb x.2} =>
       (sval x).1 *m (sval x).2^T)
    (fun x => (Na (sval x).1 ^+ 2 + Nb (sval x).2 ^+ 2) / 2) P.
Proof.
move=> P0 h x; apply: le_trans (pair_polar h x) _; apply: ler_wpM2l => //.
by move: (Na _) (Nb _) => a b; have := sqr_ge0 (a - b); lra.
Qed.

(* factors scale: a bound over the unit balls is enough (norms of degree 1, and definite) *)
Definition definite n (N : 'cV[R]_n -> R) :=
  [/\ forall x, 0 <= N x, forall a x, 0 <= a -> N (a *: x) = a * N x & forall x, N x = 0 -> x = 0].

Theorem pair_ball m n Na ca Nb cb (W : 'M[R]_(m, n)) P : definite Na -> definite Nb ->
  (forall u v, in_cone ca u -> in_cone cb v -> Na u <= 1 -> Nb v <= 1 -> dot u (W *m v) <= P) ->
  pair_le Na ca Nb cb W P.
Proof.
move=> [a0 aZ ad] [b0 bZ bd] h u v cu cv.
have [/eqP/ad ->|nu] := boolP (Na u == 0).
  by rewrite dot0l -(scale0r (0 : 'cV[R]_m)) aZ // mul0r mul0r mulr0.
have [/eqP/bd ->|nv] := boolP (Nb v == 0).
  by rewrite mulmx0 dot0r -(scale0r (0 : 'cV[R]_n)) bZ // mul0r !mulr0.
have pu : 0 < Na u by rewrite lt_def nu a0.
have pv : 0 < Nb v by rewrite lt_def nv b0.
have iu : 0 <= (Na u)^-1 by rewrite invr_ge0.
have iv : 0 <= (Nb v)^-1 by rewrite invr_ge0.
have := h ((Na u)^-1 *: u) ((Nb v)^-1 *: v) (in_coneZ iu cu) (in_coneZ iv cv).
rewrite aZ // bZ // !mulVf // => /(_ (lexx _) (lexx _)).
rewrite -scalemxAr dotZl dotZr mulrA -invfM mulrC ler_pdivrMr //.
by rewrite mulr_gt0.
Qed.

Lemma dot_rows m n (W : 'M[R]_(m, n)) u v :
  dot u (W *m v) = \sum_i u i 0 * dot ((row i W)^T) v.
Proof.
rewrite dot_col; apply: eq_bigr => i _; congr (_ * _).
by rewrite mxE dot_col; apply: eq_bigr => j _; rewrite !mxE.
Qed.

(* u has l1: each row W_i, with each sign that the cone allows (axis 0) *)
Theorem lines_rows m n ca (Nb : 'cV[R]_n -> R) cb (W : 'M[R]_(m, n)) P :
  (forall i, allows (ca i) (1 : R) -> dual_le Nb cb (row i W)^T P) ->
  (forall i, allows (ca i) (-1 : R) -> dual_le Nb cb (- (row i W)^T) P) ->
  pair_le (@l1 R m) ca Nb cb W P.
Proof.
move=> plus minus u v cu cv; rewrite dot_rows mulrA mulr_sumr mulr_suml.
apply: ler_sum => i _; rewrite -mulrA mulrCA; have := cu i.
have [/eqP -> _|nz ok] := boolP (u i 0 == 0); first by rewrite normr0 !mul0r.
have [pos|neg] := ltP 0 (u i 0).
  rewrite gtr0_norm // ler_pM2l //; apply: plus cv.
  by move: ok; case: (ca i) => //= [|/eqP z]; [lra | move: nz; rewrite z eqxx].
have {}neg : u i 0 < 0 by rewrite lt_def eq_sym nz.
rewrite ltr0_norm // -mulrNN ler_pM2l ?oppr_gt0 // -dotNl; apply: minus cv.
by move: ok; case: (ca i) => //= [|_|/eqP z]; [lra | lra | move: nz; rewrite z eqxx].
Qed.

(* v has l1: the columns (axis 1) *)
Theorem lines_columns m n (Na : 'cV[R]_m -> R) ca cb (W : 'M[R]_(m, n)) P :
  (forall j, allows (cb j) (1 : R) -> dual_le Na ca (col j W) P) ->
  (forall j, allows (cb j) (-1 : R) -> dual_le Na ca (- col j W) P) ->
  pair_le Na ca (@l1 R n) cb W P.
Proof.
move=> plus minus u v cu cv.
have -> : dot u (W *m v) = dot v (W^T *m u) by rewrite dotC dot_mull.
rewrite [Na u * _]mulrC; apply: (@lines_rows n m cb Na ca W^T P) => // i ok.
  by rewrite -tr_col trmxK; apply: plus.
by rewrite -tr_col trmxK; apply: minus.
Qed.

End Pairs.
