(* Inner products, norms and quadratic forms of real matrices: what every other file uses.

   Vectors are columns 'cV[R]_n.  Statements about squares hold in any realFieldType; those with
   the l2 norm itself in any rcfType (roots of nonnegative numbers exist), so in every realType. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* Omega*(w) <= P, in the form every rule proves: no division by theta.  w is Z |-> <W, Z>. *)
Definition polar_le (R : realFieldType) (S V : Type) (w : V -> R) (phi : S -> V) (theta : S -> R)
  (P : R) := forall x : S, w (phi x) <= P * theta x.

Section Dot.
Variable R : realFieldType.

(* <A, B> = sum_ij A_ij B_ij *)
Definition dot m n (A B : 'M[R]_(m, n)) : R := \sum_i \sum_j A i j * B i j.

(* |A|^2 *)
Definition sq m n (A : 'M[R]_(m, n)) : R := dot A A.

Section Rules.
Variables (m n : nat).
Implicit Types A B C : 'M[R]_(m, n).

Lemma dotE A B : dot A B = \tr (A^T *m B).
Proof.
rewrite /dot exchange_big /=; apply: eq_bigr => j _.
by rewrite mxE; apply: eq_bigr => i _; rewrite mxE.
Qed.

Lemma dotC A B : dot A B = dot B A.
Proof. by apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite mulrC. Qed.

Lemma dotDr A B C : dot A (B + C) = dot A B + dot A C.
Proof. by rewrite !dotE mulmxDr mxtraceD. Qed.

Lemma dotDl A B C : dot (A + B) C = dot A C + dot B C.
Proof. by rewrite !(dotC _ C) dotDr. Qed.

Lemma dotZr a A B : dot A (a *: B) = a * dot A B.
Proof. by rewrite !dotE -scalemxAr mxtraceZ. Qed.

Lemma dotZl a A B : dot (a *: A) B = a * dot A B.
Proof. by rewrite !(dotC _ B) dotZr. Qed.

Lemma dotNr A B : dot A (- B) = - dot A B.
Proof. by rewrite -scaleN1r dotZr mulN1r. Qed.

Lemma dotNl A B : dot (- A) B = - dot A B.
Proof. by rewrite !(dotC _ B) dotNr. Qed.

Lemma dotBr A B C : dot A (B - C) = dot A B - dot A C.
Proof. by rewrite dotDr dotNr. Qed.

Lemma dotBl A B C : dot (A - B) C = dot A C - dot B C.
Proof. by rewrite dotDl dotNl. Qed.

Lemma dot0r A : dot A 0 = 0.
Proof. by rewrite -(scale0r A) dotZr mul0r. Qed.

Lemma dot0l A : dot 0 A = 0.
Proof. by rewrite dotC dot0r. Qed.

Lemma dot_sumr A (I : Type) (r : seq I) (P : pred I) (F : I -> 'M[R]_(m, n)) :
  dot A (\sum_(i <- r | P i) F i) = \sum_(i <- r | P i) dot A (F i).
Proof. exact: (big_morph (dot A) (dotDr A) (dot0r A)). Qed.
Lemma sq_ge0 A : 0 <= sq A.
Proof. by apply: sumr_ge0 => i _; apply: sumr_ge0 => j _; rewrite -expr2 sqr_ge0. Qed.

Lemma sq_eq0 A : sq A = 0 -> A = 0.
Proof.
move=> h; apply/matrixP => i j; rewrite mxE; apply/eqP.
have pos k l : 0 <= A k l * A k l by rewrite -expr2 sqr_ge0.
have row : \sum_l A i l * A i l = 0.
  by apply: (psumr_eq0P _ h) => // k _; apply: sumr_ge0.
have := psumr_eq0P (fun l _ => pos i l) row (i := j) isT.
by move/eqP; rewrite mulf_eq0 orbb.
Qed.

Lemma sq0 : sq (0 : 'M[R]_(m, n)) = 0.
Proof. exact: dot0r. Qed.

Lemma sqZ a A : sq (a *: A) = a ^+ 2 * sq A.
Proof. by rewrite /sq dotZl dotZr; ring. Qed.

Lemma sqN A : sq (- A) = sq A.
Proof. by rewrite /sq dotNl dotNr opprK. Qed.

Lemma sqD A B : sq (A + B) = sq A + 2 * dot A B + sq B.
Proof. by rewrite /sq !dotDl !dotDr (dotC B A); ring. Qed.

Lemma sqB A B : sq (A - B) = sq A - 2 * dot A B + sq B.
Proof. by rewrite sqD dotNr sqN; ring. Qed.

(* <A, B>^2 <= |A|^2 |B|^2 *)
Lemma cauchy_schwarz A B : dot A B ^+ 2 <= sq A * sq B.
Proof.
have [/eqP b0|b0] := boolP (sq B == 0).
  by rewrite b0 (sq_eq0 b0) dot0r expr0n mulr0.
have bpos : 0 < sq B by rewrite lt_def b0 sq_ge0.
have := sq_ge0 (sq B *: A - dot A B *: B).
rewrite sqB !sqZ dotZl dotZr => h.
have : 0 <= sq B * (sq A * sq B - dot A B ^+ 2) by move: h; nra.
by rewrite pmulr_rge0 // subr_ge0.
Qed.

(* <A, B> <= a b from |A| <= a and |B| <= b *)
Lemma cauchy_schwarz_le A B a b :
  0 <= a -> 0 <= b -> sq A <= a ^+ 2 -> sq B <= b ^+ 2 -> dot A B <= a * b.
Proof.
move=> a0 b0 hA hB; have [|neg] := leP 0 (dot A B); last first.
  by apply: le_trans (ltW neg) _; apply: mulr_ge0.
move=> pos; rewrite -ler_sqr ?nnegrE ?mulr_ge0 //.
by apply: le_trans (cauchy_schwarz A B) _; rewrite exprMn ler_pM ?sq_ge0.
Qed.

(* <A, B> <= 1/2 (|A|^2 + |B|^2) *)
Lemma dot_le_half A B : 2 * dot A B <= sq A + sq B.
Proof. by have := sq_ge0 (A - B); rewrite sqB; lra. Qed.
Lemma dot_ge0 A B : (forall i j, 0 <= A i j) -> (forall i j, 0 <= B i j) -> 0 <= dot A B.
Proof. by move=> hA hB; apply: sumr_ge0 => i _; apply: sumr_ge0 => j _; apply: mulr_ge0. Qed.

End Rules.

Lemma dot_tr m n (A B : 'M[R]_(m, n)) : dot A^T B^T = dot A B.
Proof.
rewrite /dot exchange_big /=; apply: eq_bigr => i _.
by apply: eq_bigr => j _; rewrite !mxE.
Qed.

Lemma sq_tr m n (A : 'M[R]_(m, n)) : sq A^T = sq A.
Proof. exact: dot_tr. Qed.

(* <A B, C> = <B, A^T C> *)
Lemma dot_mull m n p (A : 'M[R]_(m, n)) (B : 'M_(n, p)) (C : 'M_(m, p)) :
  dot (A *m B) C = dot B (A^T *m C).
Proof. by rewrite !dotE trmx_mul -mulmxA. Qed.

(* <A B, C> = <A, C B^T> *)
Lemma dot_mulr m n p (A : 'M[R]_(m, n)) (B : 'M_(n, p)) (C : 'M_(m, p)) :
  dot (A *m B) C = dot A (C *m B^T).
Proof. by rewrite -dot_tr trmx_mul dot_mull trmxK -[RHS]dot_tr trmx_mul trmxK. Qed.

(* of columns there is one sum *)
Lemma dot_col n (x y : 'cV[R]_n) : dot x y = \sum_i x i 0 * y i 0.
Proof. by apply: eq_bigr => i _; rewrite big_ord1. Qed.

Lemma sq_col n (x : 'cV[R]_n) : sq x = \sum_i x i 0 ^+ 2.
Proof. by rewrite /sq dot_col; apply: eq_bigr => i _; rewrite expr2. Qed.

Lemma dot_mx11 n (x y : 'cV[R]_n) : (x^T *m y) 0 0 = dot x y.
Proof. by rewrite mxE dot_col; apply: eq_bigr => i _; rewrite mxE. Qed.

(* <W, u v^T> = u^T W v *)
Lemma dot_outer m n (W : 'M[R]_(m, n)) (u : 'cV_m) (v : 'cV_n) : dot W (u *m v^T) = dot u (W *m v).
Proof. by rewrite dotC dot_mulr trmxK. Qed.

Lemma sq_outer m n (u : 'cV[R]_m) (v : 'cV[R]_n) : sq (u *m v^T) = sq u * sq v.
Proof.
by rewrite /sq dot_outer -mulmxA [v^T *m v]mx11_scalar dot_mx11 mul_mx_scalar dotZr mulrC.
Qed.

Lemma dot_col_mx m n p (A B : 'M[R]_(m, p)) (C D : 'M_(n, p)) :
  dot (col_mx A C) (col_mx B D) = dot A B + dot C D.
Proof.
rewrite /dot big_split_ord /=; congr (_ + _); apply: eq_bigr => i _; apply: eq_bigr => j _.
  by rewrite !col_mxEu.
by rewrite !col_mxEd.
Qed.

Lemma sq_col_mx m n p (A : 'M[R]_(m, p)) (C : 'M_(n, p)) : sq (col_mx A C) = sq A + sq C.
Proof. exact: dot_col_mx. Qed.

(* Quadratic forms.  qf A x = x^T A x; A need not be symmetric. *)
Definition qf n (A : 'M[R]_n) (x : 'cV[R]_n) : R := dot x (A *m x).

Definition psd n (A : 'M[R]_n) := forall x, 0 <= qf A x.
(* x^T A x = <A, x x^T> *)
Lemma qf_dot n (A : 'M[R]_n) x : qf A x = dot A (x *m x^T).
Proof. by rewrite dot_outer. Qed.

Lemma qf_sum n (A : 'M[R]_n) x : qf A x = \sum_i \sum_j A i j * (x i 0 * x j 0).
Proof.
rewrite qf_dot; apply: eq_bigr => i _; apply: eq_bigr => j _.
by rewrite mxE big_ord1 mxE.
Qed.

Lemma qfD n (A B : 'M[R]_n) x : qf (A + B) x = qf A x + qf B x.
Proof. by rewrite /qf mulmxDl dotDr. Qed.

Lemma qfN n (A : 'M[R]_n) x : qf (- A) x = - qf A x.
Proof. by rewrite /qf mulNmx dotNr. Qed.

Lemma qfB n (A B : 'M[R]_n) x : qf (A - B) x = qf A x - qf B x.
Proof. by rewrite qfD qfN. Qed.

Lemma qfZ n a (A : 'M[R]_n) x : qf (a *: A) x = a * qf A x.
Proof. by rewrite /qf -scalemxAl dotZr. Qed.

Lemma qf_scale n (A : 'M[R]_n) a x : qf A (a *: x) = a ^+ 2 * qf A x.
Proof. by rewrite /qf -scalemxAr dotZl dotZr; ring. Qed.

Lemma qf_scalar n (a : R) (x : 'cV[R]_n) : qf a%:M x = a * sq x.
Proof. by rewrite /qf mul_scalar_mx dotZr. Qed.

Lemma qf_diag n (d : 'rV[R]_n) x : qf (diag_mx d) x = \sum_i d 0 i * x i 0 ^+ 2.
Proof. by rewrite /qf dot_col; apply: eq_bigr => i _; rewrite mul_diag_mx mxE; ring. Qed.

(* x^T (B^T A B) x = (B x)^T A (B x) *)
Lemma qf_congr m n (A : 'M[R]_m) (B : 'M_(m, n)) x : qf (B^T *m A *m B) x = qf A (B *m x).
Proof. by rewrite /qf -!mulmxA -dot_mull. Qed.

Lemma qf_gram m n (L : 'M[R]_(m, n)) x : qf (L *m L^T) x = sq (L^T *m x).
Proof. by rewrite /qf /sq -mulmxA dot_mull trmxK. Qed.

Lemma qf_gramT m n (L : 'M[R]_(m, n)) x : qf (L^T *m L) x = sq (L *m x).
Proof. by rewrite /qf /sq -mulmxA dot_mull. Qed.

Lemma qf_block m n (A : 'M[R]_m) (B : 'M_(m, n)) (C : 'M_(n, m)) (D : 'M_n) u v :
  qf (block_mx A B C D) (col_mx u v) = qf A u + dot u (B *m v) + dot v (C *m u) + qf D v.
Proof. by rewrite /qf mul_block_col dot_col_mx !dotDr; ring. Qed.

(* of [[0, W], [W^T, 0]] at (u, v): 2 u^T W v *)
Lemma qf_hat m n (W : 'M[R]_(m, n)) u v :
  qf (block_mx 0 W W^T 0) (col_mx u v) = 2 * dot u (W *m v).
Proof. by rewrite qf_block /qf !mul0mx !dot0r -dot_mull (dotC _ u); ring. Qed.
(* |E|_inf <= e: every row's sum of moduli is at most e *)
Definition rows_le n (E : 'M[R]_n) (e : R) := forall i, \sum_j `|E i j| <= e.

(* |x^T E x| <= e |x|^2, with the row sums of E *or* of a matrix equal to it in x x^T *)
Lemma qf_rows n (E : 'M[R]_n) e x : rows_le E e -> rows_le E^T e -> `|qf E x| <= e * sq x.
Proof.
move=> hr hc; rewrite qf_sum; apply: le_trans (ler_norm_sum _ _ _) _.
have young i : `|\sum_j E i j * (x i 0 * x j 0)|
    <= \sum_j `|E i j| * (x i 0 ^+ 2 / 2) + \sum_j `|E i j| * (x j 0 ^+ 2 / 2).
  apply: le_trans (ler_norm_sum _ _ _) _; rewrite -big_split /=.
  apply: ler_sum => j _; rewrite normrM -mulrDr; apply: ler_wpM2l; first exact: normr_ge0.
  have p := sqr_ge0 (x i 0 + x j 0); have q := sqr_ge0 (x i 0 - x j 0).
  by rewrite ler_norml; apply/andP; split; lra.
apply: le_trans (ler_sum _ (fun i _ => young i)) _.
rewrite big_split /= [X in _ + X]exchange_big /= sq_col mulr_sumr -big_split /=.
apply: ler_sum => i _; rewrite -!mulr_suml.
have hri := hr i; have hci := hc i.
have {}hci : \sum_j `|E j i| <= e by move: hci; under eq_bigr do rewrite mxE.
have : 0 <= x i 0 ^+ 2 by exact: sqr_ge0.
by move: (\sum_j `|E i j|) (\sum_j `|E j i|) hri hci => a b; nra.
Qed.

(* The residual lemma, as the kernel uses it: M = L L^T + E exactly, E symmetric. *)
Theorem residual n m (M E : 'M[R]_n) (L : 'M_(n, m)) (e : R) :
  E^T = E -> M = L *m L^T + E -> rows_le E e -> psd (M + e%:M).
Proof.
move=> sym -> hE x; rewrite !qfD qf_scalar qf_gram.
have hT : rows_le E^T e by rewrite sym.
have := qf_rows x hE hT; rewrite ler_norml => /andP[low _].
by have := sq_ge0 (L^T *m x); lra.
Qed.

(* ... and as a bound: G <= (shift + e) I from shift I - G = L L^T + E *)
Theorem residual_le n m (G E : 'M[R]_n) (L : 'M_(n, m)) (shift e : R) x :
  E^T = E -> shift%:M - G = L *m L^T + E -> rows_le E e -> qf G x <= (shift + e) * sq x.
Proof.
move=> sym eq hE; have := residual sym eq hE x.
by rewrite !qfD qfN !qf_scalar mulrDl; lra.
Qed.

(* without a factor: G <= e I from its own row sums *)
Theorem gershgorin n (G : 'M[R]_n) (e : R) x : G^T = G -> rows_le G e -> qf G x <= e * sq x.
Proof.
move=> sym hG; have hT : rows_le G^T e by rewrite sym.
by have := qf_rows x hG hT; rewrite ler_norml => /andP[].
Qed.

(* l1 and linf of columns *)
Definition l1 n (x : 'cV[R]_n) : R := \sum_i `|x i 0|.

Definition linf_le n (x : 'cV[R]_n) (a : R) := forall i, `|x i 0| <= a.

Definition nonneg n (x : 'cV[R]_n) := forall i, 0 <= x i 0.

Lemma l1_ge0 n (x : 'cV[R]_n) : 0 <= l1 x.
Proof. by apply: sumr_ge0 => i _; apply: normr_ge0. Qed.

Lemma l1Z n a (x : 'cV[R]_n) : l1 (a *: x) = `|a| * l1 x.
Proof. by rewrite mulr_sumr; apply: eq_bigr => i _; rewrite mxE normrM. Qed.

(* |<x, y>| <= |x|_1 |y|_inf *)
Lemma holder n (x y : 'cV[R]_n) b : linf_le y b -> `|dot x y| <= l1 x * b.
Proof.
move=> h; rewrite dot_col mulr_suml; apply: le_trans (ler_norm_sum _ _ _) _.
by apply: ler_sum => i _; rewrite normrM; apply: ler_wpM2l.
Qed.

End Dot.

Section Root.
Variable R : rcfType.

(* |x|_2, of a matrix too (Frobenius) *)
Definition l2 m n (A : 'M[R]_(m, n)) : R := Num.sqrt (sq A).

Lemma l2_ge0 m n (A : 'M[R]_(m, n)) : 0 <= l2 A.
Proof. exact: sqrtr_ge0. Qed.

Lemma l2_sqr m n (A : 'M[R]_(m, n)) : l2 A ^+ 2 = sq A.
Proof. by rewrite sqr_sqrtr ?sq_ge0. Qed.

Lemma l2Z m n a (A : 'M[R]_(m, n)) : l2 (a *: A) = `|a| * l2 A.
Proof. by rewrite /l2 sqZ sqrtrM ?sqr_ge0 // sqrtr_sqr. Qed.

Lemma l2_le m n (A : 'M[R]_(m, n)) a : 0 <= a -> (l2 A <= a) = (sq A <= a ^+ 2).
Proof. by move=> a0; rewrite -l2_sqr ler_sqr ?nnegrE ?l2_ge0. Qed.

Lemma dot_l2 m n (A B : 'M[R]_(m, n)) : dot A B <= l2 A * l2 B.
Proof. by apply: cauchy_schwarz_le; rewrite ?l2_ge0 ?l2_sqr. Qed.
End Root.
