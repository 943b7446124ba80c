(* What is nonnegative on products of vectors: what Tensors.v takes from multi-indices.

   A group of modes is a finite type P of places; T is the disjoint union of the coordinates of all
   vectors, and `owns p t` says that t is a coordinate of the vector at place p.  A vector that
   stands at two places (a copy, or all factors one) is the same coordinates twice, so a point is
   one function z : T -> R.  A multi-index is a choice of a coordinate for every place. *)

From mathcomp Require Import all_ssreflect all_algebra all_fingroup.
From mathcomp Require Import ring lra.
From Formal Require Import Forms.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Products.
Variables (R : realFieldType) (P T : finType) (owns : P -> pred T).

Definition index := {f : {ffun P -> T} | f \in family owns}.
Implicit Types (a b c d : index) (z : T -> R).

Definition coord a p : T := val a p.

Lemma coordP a p : owns p (coord a p).
Proof. by have /familyP/(_ p) := valP a. Qed.

(* one coordinate of the tensor product of the vectors of the group *)
Definition monomial z a : R := \prod_p z (coord a p).

Lemma sum_prod (F : P -> T -> R) :
  \sum_(a : index) \prod_p F p (coord a p) = \prod_p \sum_(t | owns p t) F p t.
Proof.
rewrite bigA_distr_big_dep [RHS](reindex_omap (val : index -> _) insub) /=; last first.
  by move=> f hf; rewrite insubT.
apply: eq_bigl => a; rewrite valK eqxx andbT; symmetry; exact: (valP a).
Qed.

(* |x|^2 is the product of the vectors' own; `Group.wide` *)
Lemma size2_monomial z : size2 (monomial z) = \prod_p \sum_(t | owns p t) z t ^+ 2.
Proof. by rewrite -sum_prod; apply: eq_bigr => a _; rewrite /monomial prodrXl. Qed.

Lemma size2_wide z (wide : P -> R) :
  (forall p, \sum_(t | owns p t) z t ^+ 2 <= wide p) -> size2 (monomial z) <= \prod_p wide p.
Proof.
move=> h; rewrite size2_monomial; apply: ler_prod => p _; rewrite h andbT.
by apply: sumr_ge0 => t _; apply: sqr_ge0.
Qed.

(* `Group.cost`: modes in `cube` are linf, their squares at most 1; the squares of the others sum to
   at most 1.  For every index of the others d^+ is summed over the indices of the cube. *)
Theorem cost_bound (cube : pred P) (d : index -> R) (m : R) z :
  0 <= m ->
  (forall p, ~~ cube p -> \sum_(t | owns p t) z t ^+ 2 <= 1) ->
  (forall p t, cube p -> owns p t -> z t ^+ 2 <= 1) ->
  (forall a, \sum_(b | [forall p, ~~ cube p ==> (coord b p == coord a p)]) Num.max (d b) 0 <= m) ->
  \sum_a d a * monomial z a ^+ 2 <= m.
Proof.
move=> m0 simple cubic most.
pose w a := \prod_(p | ~~ cube p) z (coord a p) ^+ 2.
have w0 a : 0 <= w a by apply: prodr_ge0 => p _; apply: sqr_ge0.
apply: le_trans (_ : _ <= \sum_a Num.max (d a) 0 * w a) _.
  apply: ler_sum => a _.
  have le : monomial z a ^+ 2 <= w a.
    rewrite /monomial -prodrXl (bigID cube) /= -/(w a) -[leRHS]mul1r; apply: ler_wpM2r => //.
    have ones : \prod_(p | cube p) z (coord a p) ^+ 2 <= \prod_(p | cube p) (1 : R).
      by apply: ler_prod => p cp; rewrite sqr_ge0 (cubic p) // coordP.
    by rewrite big1_eq in ones.
  have := sqr_ge0 (monomial z a); have : d a <= Num.max (d a) 0 by rewrite le_max lexx.
  have : 0 <= Num.max (d a) 0 by rewrite le_max lexx orbT.
  by move: (Num.max (d a) 0) (d a) (w a) (monomial z a ^+ 2) le => x y s t; nra.
have [a0 _|none] := pickP (fun _ : index => true); last by rewrite big1 // => a; have := none a.
pose f a := [ffun p => if cube p then coord a0 p else coord a p].
have fP a : f a \in family owns.
  by apply/familyP => p; rewrite ffunE unfold_in; case: ifP => _; apply: coordP.
pose r a : index := Sub (f a) (fP a).
have rE a p : coord (r a) p = if cube p then coord a0 p else coord a p.
  by rewrite /coord SubK ffunE.
have eqI a b : (forall p, coord a p = coord b p) -> a = b.
  by move=> e; apply: val_inj; apply/ffunP.
have rr a : r (r a) = r a by apply: eqI => p; rewrite !rE; case: (cube p).
have wr a : w (r a) = w a by apply: eq_bigr => p np; rewrite rE (negPf np).
rewrite (partition_big r (fun b => r b == b)) => [|a _]; last by apply/eqP; exact: rr.
pose F p t : R := if cube p then (t == coord a0 p)%:R else z t ^+ 2.
have F0 p t : 0 <= F p t by rewrite /F; case: ifP => _; rewrite ?ler0n ?sqr_ge0.
apply: le_trans (_ : _ <= \sum_(b | r b == b) m * w b) _.
  apply: ler_sum => b /eqP rb; rewrite (eq_bigr (fun a => Num.max (d a) 0 * w b)); last first.
    by move=> a /eqP <-; rewrite wr.
  rewrite -mulr_suml; apply: ler_wpM2r => //; apply: le_trans (most b).
  rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigl => a.
  apply/eqP/forallP => [<- p|same]; first by apply/implyP => np; rewrite rE (negPf np).
  rewrite -rb; apply: eqI => p; rewrite !rE; case: (boolP (cube p)) => [|np] //.
  by have /implyP/(_ np)/eqP := same p.
rewrite -mulr_sumr -[leRHS]mulr1; apply: ler_wpM2l => //.
apply: le_trans (_ : _ <= \sum_(b : index) \prod_p F p (coord b p)) _.
  rewrite big_mkcond; apply: ler_sum => b _; case: eqP => [rb|_]; last by apply: prodr_ge0.
  rewrite le_eqVlt; apply/orP; left; apply/eqP.
  rewrite [RHS](bigID cube) /= big1 ?mul1r => [|p cp]; last first.
    by rewrite /F cp -rb rE cp eqxx.
  by apply: eq_bigr => p np; rewrite /F (negPf np).
rewrite sum_prod; apply: le_trans (_ : _ <= \prod_(p : P) 1) _; last by rewrite big1_eq.
apply: ler_prod => p _; apply/andP; split; first by apply: sumr_ge0.
rewrite /F; have [cp|/simple//] := boolP (cube p).
rewrite (bigD1 (coord a0 p)) ?coordP //= eqxx big1 ?addr0 // => t /andP[_ /negPf ->].
by [].
Qed.

(* Equal monomials: the coordinates of a and b together are those of c and d. *)
Lemma monomial_perm a b c d z :
  perm_eq (map (coord a) (enum P) ++ map (coord b) (enum P))
          (map (coord c) (enum P) ++ map (coord d) (enum P)) ->
  monomial z a * monomial z b = monomial z c * monomial z d.
Proof.
have E e : monomial z e = \prod_(t <- map (coord e) (enum P)) z t by rewrite big_map big_enum.
by move=> h; rewrite !E -!big_cat; apply: perm_big.
Qed.

(* A pair that stands for a monomial that no sign makes negative (`Group.pairs`, canonical): each
   place has a sign (all its coordinates >= 0, or all <= 0) or the same index in both. *)
Lemma monomial_sign a b z (signed : pred P) :
  (forall p t s, signed p -> owns p t -> owns p s -> 0 <= z t * z s) ->
  (forall p, signed p \/ coord a p = coord b p) ->
  0 <= monomial z a * monomial z b.
Proof.
move=> sg each; rewrite -big_split; apply: prodr_ge0 => p _ /=.
have [h|->] := each p; last by rewrite -expr2 sqr_ge0.
by apply: sg h _ _; apply: coordP.
Qed.

End Products.

(* The partner of a pair, as `Group.partner` makes it: the coordinates of each vector are sorted
   (by any relation), and the first half goes to the places of the first multi-index. *)
Section Partner.
Variables (R : realFieldType) (P T V : finType) (vec : P -> V) (leT : rel T) (a b : P -> T).

Definition own v := [seq p <- enum P | vec p == v].
Definition both v := sort leT (map a (own v) ++ map b (own v)).
Definition low p := nth (a p) (both (vec p)) (seq.index p (own (vec p))).
Definition high p := nth (a p) (both (vec p)) (size (own (vec p)) + seq.index p (own (vec p))).

Let uniq_own v : uniq (own v). Proof. exact: filter_uniq (enum_uniq _). Qed.
Let mem_own v p : (p \in own v) = (vec p == v). Proof. by rewrite mem_filter mem_enum andbT. Qed.
Let size_both v : size (both v) = (size (own v) + size (own v))%N.
Proof. by rewrite size_sort size_cat !size_map. Qed.

Lemma map_low v : map low (own v) = take (size (own v)) (both v).
Proof.
case e: (own v) => [|p0 s]; first by rewrite take0.
rewrite -e; apply: (@eq_from_nth _ (a p0)) => [|i].
  by rewrite size_map size_takel // size_both leq_addr.
rewrite size_map => lt; rewrite (nth_map p0) // nth_take //.
have /eqP vp : vec (nth p0 (own v) i) == v by rewrite -mem_own mem_nth.
rewrite /low vp index_uniq //; apply: set_nth_default.
by rewrite size_both ltn_addr.
Qed.

Lemma map_high v : map high (own v) = drop (size (own v)) (both v).
Proof.
case e: (own v) => [|p0 s].
  by rewrite drop0 /both e.
rewrite -e; apply: (@eq_from_nth _ (a p0)) => [|i].
  by rewrite size_map size_drop size_both addKn.
rewrite size_map => lt; rewrite (nth_map p0) // nth_drop.
have /eqP vp : vec (nth p0 (own v) i) == v by rewrite -mem_own mem_nth.
rewrite /high vp index_uniq //; apply: set_nth_default.
by rewrite size_both ltn_add2l.
Qed.

(* the monomial is the same *)
Theorem partner_monomial (z : T -> R) :
  (\prod_p z (a p)) * (\prod_p z (b p)) = (\prod_p z (low p)) * (\prod_p z (high p)).
Proof.
have E (f : P -> T) : \prod_p z (f p) = \prod_v \prod_(t <- map f (own v)) z t.
  rewrite (partition_big vec predT) //=; apply: eq_bigr => v _.
  by rewrite big_map big_filter big_enum_cond.
rewrite !E -!big_split; apply: eq_bigr => v _ /=.
rewrite map_low map_high -!big_cat cat_take_drop /=.
by apply: perm_big; rewrite perm_sym perm_sort.
Qed.

(* and a coordinate stays with its vector *)
Lemma partner_own (coords : V -> pred T) :
  (forall p, coords (vec p) (a p)) -> (forall p, coords (vec p) (b p)) ->
  forall p, coords (vec p) (low p) && coords (vec p) (high p).
Proof.
move=> ha hb p.
have inside t : t \in both (vec p) -> coords (vec p) t.
  rewrite mem_sort mem_cat => /orP[] /mapP [q]; rewrite mem_own => /eqP <- ->; [exact: ha|exact: hb].
have lt : (seq.index p (own (vec p)) < size (own (vec p)))%N by rewrite index_mem mem_own.
by apply/andP; split; apply: inside; apply: mem_nth; rewrite size_both ?ltn_add2l ?ltn_addr.
Qed.

End Partner.

(* Multipliers, on any finite type A of multi-indices and any vector x of monomials. *)
Section Multipliers.
Variables (R : realFieldType) (A : finType).
Implicit Types (x : A -> R) (a b c d : A).

Definition entry a b i j : R := ((i == a) && (j == b))%:R.

Lemma form_entry a b x : form (entry a b) x = x a * x b.
Proof.
rewrite /form (bigD1 a) //= (bigD1 b) //= /entry !eqxx mul1r !big1 ?addr0 //.
  by move=> i /negPf ni; rewrite big1 // => j _; rewrite ni mul0r.
by move=> j /negPf nj; rewrite nj andbF mul0r.
Qed.

(* a value at (a, b) and (b, a), once on the diagonal *)
Definition twice a b i j : R := if a == b then entry a a i j else entry a b i j + entry b a i j.

Lemma form_twice a b x : form (twice a b) x = (if a == b then 1 else 2) * (x a * x b).
Proof.
rewrite /twice; case: eqP => [->|_]; first by rewrite form_entry mul1r.
by rewrite formD !form_entry; ring.
Qed.

(* `placed`, with a partner: k at (a, b) and (b, a), -k at (c, d) and (d, c), -k/2 where a = b *)
Definition placed k a b c d i j : R :=
  k * twice a b i j + - (if a == b then k / 2 else k) * (entry c d i j + entry d c i j).

Theorem null_multiplier k a b c d x : x a * x b = x c * x d -> form (placed k a b c d) x = 0.
Proof.
move=> e; rewrite /placed formD !formZ form_twice formD !form_entry.
by case: ifP => _; rewrite (mulrC (x d)) -e; field.
Qed.

(* "K": the sum over all pairs that are not their own partner *)
Corollary null_multipliers (I : eqType) (r : seq I) (k : I -> R) (a b c d : I -> A) x :
  (forall i, i \in r -> x (a i) * x (b i) = x (c i) * x (d i)) ->
  form (fun s t => \sum_(i <- r) placed (k i) (a i) (b i) (c i) (d i) s t) x = 0.
Proof.
by move=> h; rewrite form_sum big_seq big1 // => i ir; apply: null_multiplier; apply: h.
Qed.

(* "P": numbers >= 0 at pairs whose monomial is nonnegative *)
Theorem sign_multipliers (I : eqType) (r : seq I) (k : I -> R) (a b : I -> A) x :
  (forall i, i \in r -> 0 <= k i) -> (forall i, i \in r -> 0 <= x (a i) * x (b i)) ->
  0 <= form (fun s t => \sum_(i <- r) k i * twice (a i) (b i) s t) x.
Proof.
move=> hk hx; rewrite form_sum big_seq; apply: sumr_ge0 => i ir.
rewrite formZ form_twice; apply: mulr_ge0 (hk i ir) _.
by apply: mulr_ge0 (hx i ir); case: ifP.
Qed.

End Multipliers.

(* "F": sign Q (x) F F^T on one mode and the others.  e is `split_index`, the bijection between the
   multi-indices of a group and (index of the mode, multi-index of the others). *)
Section Kronecker.
Variables (R : realFieldType) (A J B K : finType) (e : A -> J * B).
Hypothesis bij : bijective e.

Lemma form_kronecker (Q : J -> J -> R) (S : B -> B -> R) (v : J -> R) (y : B -> R) (x : A -> R) :
  (forall a, x a = v (e a).1 * y (e a).2) ->
  form (fun a b => Q (e a).1 (e b).1 * S (e a).2 (e b).2) x = form Q v * form S y.
Proof.
move=> xE; have [e' eK e'K] := bij.
have re (F : J * B -> R) : \sum_a F (e a) = \sum_i \sum_b F (i, b).
  rewrite pair_bigA /= [RHS](reindex e); last by exists e' => a _; [exact: eK|exact: e'K].
  by apply: eq_bigr => a _; case: (e a).
pose H p q := Q p.1 q.1 * S p.2 q.2 * (v p.1 * y p.2 * (v q.1 * y q.2)).
rewrite /form (eq_bigr (fun a => \sum_b H (e a) (e b))); last first.
  by move=> a _; apply: eq_bigr => b _; rewrite !xE.
rewrite (re (fun p => \sum_b H p (e b))) mulr_suml; apply: eq_bigr => i _ /=.
under eq_bigr do rewrite (re (H _)).
rewrite exchange_big /= mulr_suml; apply: eq_bigr => j _.
rewrite mulr_sumr; apply: eq_bigr => p _; rewrite mulr_sumr; apply: eq_bigr => q _.
by rewrite /H /=; ring.
Qed.

(* `split_part`: on the side of the split where sign v^T Q v >= 0 *)
Theorem split_multiplier (sign : R) (Q : J -> J -> R) (F : B -> K -> R) v y (x : A -> R) :
  (forall a, x a = v (e a).1 * y (e a).2) -> 0 <= sign * form Q v ->
  0 <= form (fun a b => sign * Q (e a).1 (e b).1 * \sum_k F (e a).2 k * F (e b).2 k) x.
Proof.
move=> xE side; rewrite (form_kronecker (fun i j => sign * Q i j) (fun b c => \sum_k F b k * F c k) xE).
by rewrite formZ form_gram mulr_ge0 ?size2_ge0.
Qed.

(* `copied`: G (x) I takes the factor v once more, |v| = 1 *)
Theorem copied_form (G : B -> B -> R) v y (x : A -> R) :
  (forall a, x a = v (e a).1 * y (e a).2) -> size2 v = 1 ->
  form (fun a b => diagonal (fun=> 1) (e a).1 (e b).1 * G (e a).2 (e b).2) x = form G y.
Proof.
move=> xE one; rewrite (form_kronecker _ _ xE) form_diagonal -[RHS]mul1r -{2}one.
by congr (_ * _); apply: eq_bigr => i _; rewrite mul1r.
Qed.

End Kronecker.
