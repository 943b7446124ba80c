(* Observed zeros: W = S - L T^T without its entries, S zero where nothing is listed.

   `gram` makes W^T W from products with S, `product_squares` |L T^T|^2 from two small matrices;
   W W^T is the same of W^T = S^T - T L^T. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms Lines Spectral.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Zeros.
Variables (R : realFieldType) (m n k : nat) (S : 'M[R]_(m, n)) (L : 'M[R]_(m, k)) (T : 'M[R]_(n, k)).

Let W := S - L *m T^T.
Let M := (2 *: (S^T *m L) - T *m (L^T *m L)) *m T^T.

Lemma low_rank_gram : W^T *m W = S^T *m S - 2^-1 *: (M + M^T).
Proof.
pose A := S^T *m L *m T^T; pose B := T *m (L^T *m L) *m T^T.
have eM : M = 2 *: A - B by rewrite /M mulmxBl -scalemxAl.
have eB : B^T = B by rewrite /B !trmx_mul !trmxK !mulmxA.
have eW : W^T *m W = S^T *m S - A - A^T + B.
  rewrite /W /A /B [(S - _)^T]raddfB /= trmx_mul trmxK mulmxBl !mulmxBr !trmx_mul !trmxK !mulmxA.
  by rewrite opprB addrA [RHS]addrAC.
have eMT : M^T = 2 *: A^T - B by rewrite eM linearB linearZ /= eB.
have sum : M + M^T = 2 *: (A + A^T - B).
  by rewrite eMT eM scalerBr scalerDr addrACA -opprD -mulr2n -scaler_nat.
by rewrite eW sum scalerA mulVf ?pnatr_eq0 // scale1r !opprD opprK !addrA.
Qed.

Theorem low_rank_squares (E : 'M[R]_n) p (P : 'M[R]_(n, p)) shift e (u : 'cV_m) (v : 'cV_n) :
  E^T = E -> shift%:M - (S^T *m S - 2^-1 *: (M + M^T)) = P *m P^T + E -> rows_le E e ->
  dot u (W *m v) ^+ 2 <= (shift + e) * (sq u * sq v).
Proof. by rewrite -low_rank_gram; apply: spectral_squares. Qed.

(* |L T^T|^2 = <L^T L, T^T T> *)
Theorem product_size : \tr ((L *m T^T)^T *m (L *m T^T)) = \tr ((L^T *m L) *m (T^T *m T)).
Proof. by rewrite trmx_mul trmxK mxtrace_mulC !mulmxA -[in RHS]mulmxA mxtrace_mulC !mulmxA. Qed.

End Zeros.
