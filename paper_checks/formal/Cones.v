(* `cones`: a tree of simplicial cones { G a : a >= 0 } of one factor z.

   g is what z earns, N its norm, both of degree 1.  At a leaf g is at most linear in a, by bounds
   c_j at the generators, and any y with y . g_j >= c_j bounds it by the dual norm P of y.  A split
   puts m = p g_i + q g_j in the place of g_i and of g_j: both children together are the cone. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Cones.
Variable R : realFieldType.

Definition nonneg k (a : 'cV[R]_k) := forall j, 0 <= a j 0.

Definition spanned d k (G : 'M[R]_(d, k)) (z : 'cV[R]_d) := exists2 a, nonneg a & z = G *m a.

Lemma dot_columns d k (G : 'M[R]_(d, k)) (y : 'cV[R]_d) a :
  dot y (G *m a) = \sum_j dot y (col j G) * a j 0.
Proof.
rewrite /dot; under eq_bigr do rewrite big_ord1 mxE mulr_sumr.
rewrite exchange_big /=; apply: eq_bigr => j _.
by rewrite mulr_suml; apply: eq_bigr => i _; rewrite big_ord1 mxE mulrA.
Qed.

(* a leaf: y . g_j >= c_j and y . z <= P N z bound g on the cone *)
Theorem cones_leaf d k (G : 'M[R]_(d, k)) (c : 'cV[R]_k) (y : 'cV[R]_d) (g N : 'cV[R]_d -> R) P :
  (forall a, nonneg a -> g (G *m a) <= dot c a) ->
  (forall j, c j 0 <= dot y (col j G)) ->
  (forall z, spanned G z -> dot y z <= P * N z) ->
  forall z, spanned G z -> g z <= P * N z.
Proof.
move=> hg hc hy z sz; apply: le_trans (hy _ sz); case: sz => a a0 ->.
apply: le_trans (hg _ a0) _.
by rewrite dot_columns dot_col; apply: ler_sum => j _; apply: (ler_wpM2r (a0 j) (hc j)).
Qed.

(* what is a supremum of linear functions: bounds at the generators are enough *)
Theorem cones_convex d k m (G : 'M[R]_(d, k)) (c : 'cV[R]_k) (A : 'M[R]_(m, d)) (x : 'cV[R]_m) :
  (forall j, dot x (A *m col j G) <= c j 0) ->
  forall a, nonneg a -> dot x (A *m (G *m a)) <= dot c a.
Proof.
move=> h a a0.
have -> : dot x (A *m (G *m a)) = \sum_j dot x (A *m col j G) * a j 0.
  rewrite mulmxA /dot; under eq_bigr do rewrite big_ord1 mxE mulr_sumr.
  rewrite exchange_big /=; apply: eq_bigr => j _.
  rewrite mulr_suml; apply: eq_bigr => i _; rewrite big_ord1 mulrA; congr (_ * _ * _).
  by rewrite !mxE; apply: eq_bigr => l _; rewrite mxE.
by rewrite dot_col; apply: ler_sum => j _; apply: (ler_wpM2r (a0 j) (h j)).
Qed.

(* m = p g_i + q g_j in the place of column i *)
Definition merged d k (G : 'M[R]_(d, k)) i j p q i' : 'M[R]_(d, k) :=
  \matrix_(r, s) if s == i' then p * G r i + q * G r j else G r s.

Theorem cones_split d k (G : 'M[R]_(d, k)) i j p q z : i != j -> 0 < p -> 0 < q ->
  spanned G z -> spanned (merged G i j p q i) z \/ spanned (merged G i j p q j) z.
Proof.
move=> ij p0 q0 [a a0 ->].
have [le|/ltW le] := leP (q * a i 0) (p * a j 0); [left|right].
- exists (\col_s if s == i then a i 0 / p else if s == j then a j 0 - q * a i 0 / p else a s 0).
    move=> s; rewrite mxE; case: ifP => _; first exact: divr_ge0 (a0 _) (ltW p0).
    case: ifP => _; last exact: a0.
    by rewrite subr_ge0 ler_pdivrMr // (mulrC _ p).
  apply/colP => r; rewrite !mxE (bigD1 i) //= (bigD1 j) 1?eq_sym //=.
  rewrite [RHS](bigD1 i) //= [X in _ = _ + X](bigD1 j) 1?eq_sym //= !mxE !eqxx.
  rewrite ?(eq_sym j i) ?(negbTE ij) !addrA; congr (_ + _).
    by field; rewrite gt_eqF.
  by apply: eq_bigr => s /andP [si sj]; rewrite !mxE (negbTE si) (negbTE sj).
- exists (\col_s if s == j then a j 0 / q else if s == i then a i 0 - p * a j 0 / q else a s 0).
    move=> s; rewrite mxE; case: ifP => _; first exact: divr_ge0 (a0 _) (ltW q0).
    case: ifP => _; last exact: a0.
    by rewrite subr_ge0 ler_pdivrMr // (mulrC _ q).
  apply/colP => r; rewrite !mxE (bigD1 i) //= (bigD1 j) 1?eq_sym //=.
  rewrite [RHS](bigD1 i) //= [X in _ = _ + X](bigD1 j) 1?eq_sym //= !mxE !eqxx.
  rewrite ?(eq_sym j i) ?(negbTE ij) !addrA; congr (_ + _).
    by field; rewrite gt_eqF.
  by apply: eq_bigr => s /andP [si sj]; rewrite !mxE (negbTE si) (negbTE sj).
Qed.

Definition plus (x : R) := Num.max x 0.

(* a point of a layer: (f . z)_+ is at most its chord, and at least s f . z; v_j = f . g_j *)
Theorem cones_bent k (v a : 'cV[R]_k) w s : nonneg a -> 0 <= s <= 1 ->
  w * plus (dot v a) <= \sum_j Num.max (w * plus (v j 0)) (w * (s * v j 0)) * a j 0.
Proof.
move=> a0 /andP [s0 s1].
have [w0|/ltW w0] := leP 0 w.
  apply: (@le_trans _ _ (\sum_j w * plus (v j 0) * a j 0)); last first.
    by apply: ler_sum => j _; apply: ler_wpM2r => //; rewrite le_max lexx.
  under eq_bigr do rewrite -mulrA.
  rewrite -mulr_sumr; apply: ler_wpM2l => //; rewrite /plus ge_max; apply/andP; split.
    rewrite /dot; apply: ler_sum => j _; rewrite big_ord1; apply: ler_wpM2r => //.
    by rewrite le_max lexx.
  by apply: sumr_ge0 => j _; rewrite mulr_ge0 // le_max lexx orbT.
apply: (@le_trans _ _ (\sum_j w * (s * v j 0) * a j 0)); last first.
  by apply: ler_sum => j _; apply: ler_wpM2r => //; rewrite le_max lexx orbT.
have -> : \sum_j w * (s * v j 0) * a j 0 = w * (s * dot v a).
  rewrite /dot !mulr_sumr; apply: eq_bigr => j _; rewrite big_ord1; ring.
rewrite ler_wnM2l // /plus le_max; have [x0|/ltW x0] := leP 0 (dot v a).
  by rewrite ler_piMl.
by rewrite mulr_ge0_le0 // orbT.
Qed.

(* the orthants cover everything: z is a combination of signed unit vectors *)
Theorem cones_orthant d (z e : 'cV[R]_d) : (forall j, e j 0 = 1 \/ e j 0 = -1) ->
  (forall j, 0 <= e j 0 * z j 0) -> spanned (diag_mx e^T) z.
Proof.
move=> he hz; exists (\col_j (e j 0 * z j 0)); first by move=> j; rewrite mxE.
apply/colP => j; rewrite mul_diag_mx !mxE mulrA.
by case: (he j) => ->; rewrite ?mulrNN mul1r ?mul1r // mulN1r opprK.
Qed.

(* A(z_1, ..., z_K) of a tensor with K modes, z_i the column h i of G i *)
Definition at_columns d k K (G : 'I_K -> 'M[R]_(d, k)) (A : {ffun 'I_K -> 'I_d} -> R)
    (h : {ffun 'I_K -> 'I_k}) :=
  \sum_f A f * \prod_i G i (f i) (h i).

Definition product_form d K (A : {ffun 'I_K -> 'I_d} -> R) (z : 'I_K -> 'cV[R]_d) :=
  \sum_f A f * \prod_i z i (f i) 0.

(* a leaf of A(z_1, ..., z_K): A at generators is at most t n_i ... n_k, and y . g_j >= n_j, each
   mode with its own cone, n and y; A is <A, v> for a factor v of one more mode, if there is one *)
Theorem cones_products d k K (G : 'I_K -> 'M[R]_(d, k)) (n : 'I_K -> 'cV[R]_k)
    (y : 'I_K -> 'cV[R]_d) (A : {ffun 'I_K -> 'I_d} -> R) t (P : 'I_K -> R) :
  0 <= t -> (forall i, nonneg (n i)) ->
  (forall h, at_columns G A h <= t * \prod_i n i (h i) 0) ->
  (forall i j, n i j 0 <= dot (y i) (col j (G i))) ->
  forall z, (forall i, spanned (G i) (z i)) -> (forall i, dot (y i) (z i) <= P i) ->
  product_form A z <= t * \prod_i P i.
Proof.
move=> t0 n0 hA hn z hz hP.
have /fin_all_exists2[a a0 za] : forall i, exists2 a : 'cV[R]_k, nonneg a & z i = G i *m a.
  by move=> i; exact: hz.
have na0 i : 0 <= dot (n i) (a i).
  by rewrite dot_col sumr_ge0 // => j _; rewrite mulr_ge0 ?n0 ?a0.
have long i : dot (n i) (a i) <= P i.
  apply: le_trans (hP i); rewrite za dot_columns dot_col; apply: ler_sum => j _.
  by rewrite ler_wpM2r ?a0.
apply: le_trans (_ : t * \prod_i dot (n i) (a i) <= _); last first.
  by rewrite ler_wpM2l //; apply: ler_prod => i _; rewrite na0 long.
have -> : product_form A z = \sum_h at_columns G A h * \prod_i a i (h i) 0.
  rewrite /product_form; under eq_bigr do under eq_bigr do rewrite za mxE.
  under eq_bigr do rewrite bigA_distr_bigA mulr_sumr.
  rewrite exchange_big; apply: eq_bigr => h _; rewrite mulr_suml; apply: eq_bigr => f _.
  by rewrite big_split mulrA.
have -> : \prod_i dot (n i) (a i)
    = \sum_(h : {ffun 'I_K -> 'I_k}) \prod_i n i (h i) 0 * \prod_i a i (h i) 0.
  under eq_bigr do rewrite dot_col.
  rewrite bigA_distr_bigA; by apply: eq_bigr => h _; rewrite big_split.
rewrite mulr_sumr; apply: ler_sum => h _; rewrite mulrA ler_wpM2r ?hA //.
by apply: prodr_ge0 => i _; exact: a0.
Qed.

End Cones.
