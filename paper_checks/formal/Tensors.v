(* Tensors: the rules `transpose` and `slices`, and the sum over permutations of `polar_bound`.

   x and y are the vectors of monomials of two groups of modes (Multipliers.v), over any finite
   types of multi-indices; the unfolded tensor is W : A -> B -> R.  What the kernel does besides:
   it holds integers times a power of two, puts the half units of `placed` on a finer grid, and
   rounds roots and row sums up, so its bound is at least the one here. *)

From mathcomp Require Import all_ssreflect all_algebra all_fingroup.
From mathcomp Require Import ring lra.
From Formal Require Import Forms Multipliers.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Leaves.
Variable R : realFieldType.

(* <W, x o y> *)
Definition pairing (A B : finType) (W : A -> B -> R) (x : A -> R) (y : B -> R) : R :=
  \sum_a \sum_b W a b * (x a * y b).

Lemma pairing_inner (A B : finType) (W : A -> B -> R) x y :
  pairing W x y = inner (fun b => \sum_a W a b * x a) y.
Proof.
rewrite /pairing exchange_big; apply: eq_bigr => b _; rewrite mulr_suml.
by apply: eq_bigr => a _; rewrite mulrA.
Qed.

Lemma pairingD (A B : finType) (W N : A -> B -> R) x y :
  pairing (fun a b => W a b + N a b) x y = pairing W x y + pairing N x y.
Proof.
rewrite /pairing -big_split; apply: eq_bigr => a _; rewrite -big_split.
by apply: eq_bigr => b _; rewrite mulrDl.
Qed.

(* "N": a number for each entry, of the sign of the product of all factors.  The vector at place p
   has sg p z_t >= 0 in its coordinates, sg p = 1 or -1. *)
Lemma monomial_cone (P T : finType) (owns : P -> pred T) (sg : P -> R) z (a : index owns) :
  (forall p t, owns p t -> 0 <= sg p * z t) -> 0 <= (\prod_p sg p) * monomial z a.
Proof.
by move=> h; rewrite -big_split; apply: prodr_ge0 => p _; apply: h; apply: coordP.
Qed.

Lemma sign_pairing (A B : finType) (N : A -> B -> R) (s r : R) x y :
  s ^+ 2 = 1 -> r ^+ 2 = 1 ->
  (forall a, 0 <= s * x a) -> (forall b, 0 <= r * y b) ->
  (forall a b, 0 <= s * r * N a b) -> 0 <= pairing N x y.
Proof.
move=> s1 r1 hx hy hN; apply: sumr_ge0 => a _; apply: sumr_ge0 => b _.
have -> : N a b * (x a * y b) = s * r * N a b * ((s * x a) * (r * y b)).
  by rewrite -[LHS]mul1r -[1]mulr1 -{1}s1 -{1}r1; ring.
by apply: mulr_ge0 (hN a b) _; apply: mulr_ge0.
Qed.

(* all of J + what is left of G: t from `Arithmetic.top`, cost from `Group.cost` *)
Lemma leaf_form (A : finType) (G J : A -> A -> R) (D : A -> R) t cost wide x :
  0 <= form J x -> below (fun a b => G a b + J a b - diagonal D a b) t ->
  \sum_a D a * x a ^+ 2 <= cost -> size2 x <= wide ->
  form G x <= cost + Num.max t 0 * wide.
Proof.
move=> hJ hG hD hx; have := below_pos hG hx.
by rewrite formD formN form_diagonal formD; lra.
Qed.

(* `transpose`, form "gram".  x' is x, or x with copies of its factors: `copies_form` below says
   that G' (x) I has the value wanted here. *)
Theorem gram_leaf (A A' B : finType) (W N : A -> B -> R) (G' J : A' -> A' -> R) (D : A' -> R)
    t cost rows cols bound x x' y :
  form G' x' = size2 (fun b => \sum_a (W a b + N a b) * x a) ->
  0 <= pairing N x y -> 0 <= form J x' ->
  below (fun a b => G' a b + J a b - diagonal D a b) t ->
  \sum_a D a * x' a ^+ 2 <= cost -> size2 x' <= rows -> size2 y <= cols ->
  0 <= bound -> (cost + Num.max t 0 * rows) * cols <= bound ^+ 2 ->
  pairing W x y <= bound.
Proof.
move=> hG hN hJ below_t hD hx hy b0 hb.
have := leaf_form hJ below_t hD hx; rewrite hG => top.
apply: le_trans (_ : _ <= pairing (fun a b => W a b + N a b) x y) _; first by rewrite pairingD; lra.
have [neg|pos] := leP (pairing (fun a b => W a b + N a b) x y) 0; first exact: le_trans neg b0.
rewrite -ler_sqr ?nnegrE ?(ltW pos) //; apply: le_trans hb; rewrite pairing_inner.
apply: le_trans (cauchy _ _) _; apply: ler_pM => //; exact: size2_ge0.
Qed.

Lemma gram_form (A B : finType) (S : A -> B -> R) x :
  form (fun a b => \sum_k S a k * S b k) x = size2 (fun b => \sum_a S a b * x a).
Proof. exact: form_gram. Qed.

(* [[0, S], [S^T, 0]] and (x, y) *)
Definition hat (A B : finType) (S : A -> B -> R) (p q : A + B) : R :=
  match p, q with inl a, inr b => S a b | inr b, inl a => S a b | _, _ => 0 end.
Definition beside (A B : finType) (x : A -> R) (y : B -> R) (p : A + B) : R :=
  match p with inl a => x a | inr b => y b end.
(* [[J, 0], [0, J']] *)
Definition blocks (A B : finType) (J : A -> A -> R) (J' : B -> B -> R) (p q : A + B) : R :=
  match p, q with inl a, inl b => J a b | inr a, inr b => J' a b | _, _ => 0 end.

Lemma form_hat (A B : finType) (S : A -> B -> R) x y :
  form (hat S) (beside x y) = 2 * pairing S x y.
Proof.
rewrite /form big_sumType /= mulr_natl mulr2n; congr (_ + _).
  apply: eq_bigr => a _; rewrite big_sumType /= big1 ?add0r // => b _; exact: mul0r.
rewrite /pairing [RHS]exchange_big; apply: eq_bigr => b _.
rewrite big_sumType /= [X in _ + X]big1 ?addr0 => [|c _]; last exact: mul0r.
by apply: eq_bigr => a _; rewrite (mulrC (y b)).
Qed.

Lemma form_blocks (A B : finType) (J : A -> A -> R) (J' : B -> B -> R) x y :
  form (blocks J J') (beside x y) = form J x + form J' y.
Proof.
rewrite /form big_sumType /=; congr (_ + _); apply: eq_bigr => a _; rewrite big_sumType /=.
  by rewrite [X in _ + X]big1 ?addr0 // => b _; exact: mul0r.
by rewrite big1 ?add0r // => b _; exact: mul0r.
Qed.

Lemma size2_beside (A B : finType) (x : A -> R) (y : B -> R) :
  size2 (beside x y) = size2 x + size2 y.
Proof. by rewrite /size2 big_sumType. Qed.

(* `transpose`, form "hat" *)
Theorem hat_leaf (A B : finType) (W N : A -> B -> R) (J : A -> A -> R) (J' : B -> B -> R)
    (D : A + B -> R) t cost cost' rows cols x y :
  0 <= pairing N x y -> 0 <= form J x -> 0 <= form J' y ->
  below (fun p q => hat (fun a b => W a b + N a b) p q + blocks J J' p q - diagonal D p q) t ->
  \sum_a D (inl a) * x a ^+ 2 <= cost -> \sum_b D (inr b) * y b ^+ 2 <= cost' ->
  size2 x <= rows -> size2 y <= cols ->
  pairing W x y <= (cost + cost' + Num.max t 0 * (rows + cols)) / 2.
Proof.
move=> hN hJ hJ' hG hD hD' hx hy.
have J0 : 0 <= form (blocks J J') (beside x y) by rewrite form_blocks addr_ge0.
have D0 : \sum_p D p * beside x y p ^+ 2 <= cost + cost' by rewrite big_sumType lerD.
have s0 : size2 (beside x y) <= rows + cols by rewrite size2_beside lerD.
by have := leaf_form J0 hG D0 s0; rewrite form_hat pairingD; lra.
Qed.

(* `transpose`, form "square": a symmetric atom, the columns are the same monomials *)
Theorem square_leaf (A : finType) (W N J : A -> A -> R) (D : A -> R) t cost wide x :
  0 <= pairing N x x -> 0 <= form J x ->
  below (fun a b => (W a b + N a b + (W b a + N b a)) / 2 + J a b - diagonal D a b) t ->
  \sum_a D a * x a ^+ 2 <= cost -> size2 x <= wide ->
  pairing W x x <= cost + Num.max t 0 * wide.
Proof.
move=> hN hJ hG hD hx; apply: le_trans (leaf_form hJ hG hD hx).
have swap : form (fun a b => W b a + N b a) x = form (fun a b => W a b + N a b) x.
  rewrite /form exchange_big; apply: eq_bigr => a _; apply: eq_bigr => b _.
  by rewrite (mulrC (x b)).
rewrite [leRHS](_ : _ = form (fun a b => 2^-1 * (W a b + N a b) + 2^-1 * (W b a + N b a)) x).
  rewrite formD !formZ swap formD.
  have [-> ->] : form W x = pairing W x x /\ form N x = pairing N x x by [].
  by lra.
by apply: eq_form => a b; field.
Qed.

End Leaves.

(* "copies": where a maximizer exists its l2 factors have norm 1.  `value` is linear in the factor
   v, and `cone` (the signs of v) stays under scaling. *)
Section Copies.
Variable R : rcfType.

Theorem unit_factor (J : finType) (c : J -> R) (cone : (J -> R) -> Prop) (bound : R) :
  0 <= bound -> (forall v s, 0 <= s -> cone v -> cone (fun j => s * v j)) ->
  (forall v, cone v -> size2 v = 1 -> inner c v <= bound) ->
  forall v, cone v -> size2 v <= 1 -> inner c v <= bound.
Proof.
move=> b0 scaled at1 v cv v1; have [/eqP v0|v0] := boolP (size2 v == 0).
  have zero j : v j = 0.
    apply/eqP; rewrite -sqrf_eq0; apply/eqP.
    exact: (psumr_eq0P (fun b _ => sqr_ge0 (v b)) v0).
  by rewrite /inner big1 // => j _; rewrite zero mulr0.
set n := Num.sqrt (size2 v).
have nn : n ^+ 2 = size2 v by rewrite sqr_sqrtr ?size2_ge0.
have npos : 0 < n by rewrite sqrtr_gt0 lt_def v0 size2_ge0.
have n1 : n <= 1 by rewrite -[leRHS]sqrtr1 ler_wsqrtr.
have := at1 (fun j => n^-1 * v j); rewrite {1}/size2 {1}/inner.
rewrite (eq_bigr (fun j => n ^- 2 * v j ^+ 2)); last by move=> j _; rewrite exprMn exprVn.
rewrite -mulr_sumr -/(size2 v) -nn mulVf ?expf_neq0 ?gt_eqF //.
rewrite (eq_bigr (fun j => n^-1 * (c j * v j))); last by move=> j _; ring.
rewrite -mulr_sumr -/(inner c v) => /(_ (scaled _ _ _ cv) erefl).
rewrite invr_ge0 (ltW npos) => /(_ isT); rewrite ler_pdivrMl // => h.
by apply: le_trans h _; rewrite ler_piMl.
Qed.

End Copies.

(* `slices`: the factor v of one mode has |v|_1 <= 1; c j is <slice j, the others>. *)
Section Slices.
Variables (R : realFieldType) (J : finType).
Implicit Types (v c : J -> R) (bound : R).

Lemma slices_line v c bound :
  0 <= bound -> \sum_j `|v j| <= 1 -> (forall j, v j * c j <= `|v j| * bound) ->
  inner v c <= bound.
Proof.
move=> b0 v1 h; apply: le_trans (_ : _ <= (\sum_j `|v j|) * bound) _.
  by rewrite mulr_suml; apply: ler_sum => j _; apply: h.
by apply: ler_piMl.
Qed.

(* a mode with the sign sg (1 or -1): the slices of sg W *)
Theorem slices_signed v c bound (sg : R) :
  sg ^+ 2 = 1 -> 0 <= bound -> \sum_j `|v j| <= 1 -> (forall j, 0 <= sg * v j) ->
  (forall j, sg * c j <= bound) -> inner v c <= bound.
Proof.
move=> s1 b0 v1 pos h; apply: slices_line => // j.
have -> : v j * c j = (sg * v j) * (sg * c j) by rewrite -[LHS]mul1r -s1; ring.
have -> : `|v j| = sg * v j.
  rewrite -[RHS]ger0_norm // normrM (_ : `|sg| = 1) ?mul1r //.
  by apply/eqP; rewrite -(@pexpr_eq1 _ _ 2) // -normrX s1 normr1.
exact: ler_wpM2l.
Qed.

(* a free mode: the slices of W and of -W *)
Theorem slices_free v c bound :
  0 <= bound -> \sum_j `|v j| <= 1 -> (forall j, c j <= bound) -> (forall j, - c j <= bound) ->
  inner v c <= bound.
Proof.
move=> b0 v1 up down; apply: slices_line => // j.
apply: le_trans (ler_norm _) _; rewrite normrM; apply: ler_wpM2l => //.
by rewrite ler_norml up andbT; have := down j; lra.
Qed.

(* ... or of W alone where another factor u is free: negating u negates every slice's value.
   `value j u` is <slice j, u o the others>. *)
Theorem slices_absorbed (U : Type) (opp : U -> U) (value : J -> U -> R) bound :
  (forall j u, value j (opp u) = - value j u) -> 0 <= bound ->
  (forall j u, value j u <= bound) ->
  forall v u, \sum_j `|v j| <= 1 -> inner v (fun j => value j u) <= bound.
Proof.
by move=> odd b0 h v u v1; apply: slices_free => // j; rewrite -?odd; apply: h.
Qed.

(* c of the above for a tensor unfolded along the mode: <slice j, the product m of the others> *)
Lemma slices_pairing (B : finType) (W : J -> B -> R) v (m : B -> R) :
  pairing W v m = inner v (fun j => inner (W j) m).
Proof.
apply: eq_bigr => j _; rewrite mulr_sumr; apply: eq_bigr => b _; by rewrite mulrCA.
Qed.

End Slices.

(* a mode of one coordinate, where l2 and linf have the ball of l1 *)
Theorem slices_one (R : realDomainType) (v : 'I_1 -> R) :
  \sum_j v j ^+ 2 <= 1 \/ (forall j, `|v j| <= 1) -> \sum_j `|v j| <= 1.
Proof.
by rewrite !big_ord1 -(real_normK (num_real _)) expr_le1 // => -[].
Qed.

(* A symmetric atom: W is replaced by its sum over the permutations of the K modes, and the bound
   divided by K!. *)
Section Symmetric.
Variables (R : realFieldType) (K : nat) (J : finType).
Implicit Type W : {ffun 'I_K -> J} -> R.

Definition power (z : J -> R) (f : {ffun 'I_K -> J}) : R := \prod_k z (f k).
Definition permuted W (f : {ffun 'I_K -> J}) : R := \sum_(s : 'S_K) W [ffun k => f (s k)].

Lemma permuted_inner W z : inner (permuted W) (power z) = K`!%:R * inner W (power z).
Proof.
rewrite /inner /permuted.
rewrite (eq_bigr (fun f : {ffun 'I_K -> J} => \sum_(s : 'S_K) W [ffun k => f (s k)] * power z f)).
  rewrite exchange_big /= (eq_bigr (fun _ => inner W (power z))).
    by rewrite sumr_const card_Sn mulr_natl.
  move=> s _; pose back (f : {ffun 'I_K -> J}) := [ffun k => f ((s^-1)%g k)].
  rewrite (reindex back) /=; last first.
    exists (fun f : {ffun 'I_K -> J} => [ffun k => f (s k)]) => f _;
      by apply/ffunP => k; rewrite !ffunE ?permK ?permKV.
  apply: eq_bigr => f _; congr (W _ * _).
    by apply/ffunP => k; rewrite !ffunE permK.
  rewrite /power (reindex_inj (@perm_inj _ s)) /=.
  by apply: eq_bigr => k _; rewrite ffunE permK.
by move=> f _; rewrite mulr_suml.
Qed.

(* `polar_bound` of a symmetric tensor *)
Theorem permuted_bound W z bound :
  inner (permuted W) (power z) <= bound -> inner W (power z) <= bound / K`!%:R.
Proof.
rewrite permuted_inner => h; rewrite ler_pdivlMr ?ltr0n ?fact_gt0 //.
by rewrite mulrC.
Qed.

End Symmetric.
