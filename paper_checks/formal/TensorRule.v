(* Tensors: the rule `transpose` as a whole, from the nodes of a proof to its bound.

   A point z : T -> R holds the coordinates of all factors; `dom` are the points that count: the
   unit balls of the norms and the signs (and |v| = 1 for a factor with copies, by `unit_factor`).
   The tree is `leaves`; what differs: numbers are dyadic there and roots are rounded up. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring lra.
From Formal Require Import Forms Multipliers Tensors.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* `split_index`: the index in one mode, and the multi-index of the others *)
Section SplitIndex.
Variables (R : realFieldType) (P T : finType) (owns : P -> pred T) (p : P).

Definition home := {t : T | owns p t}.
Definition rest := {q : P | q != p}.
Definition rest_owns (q : rest) : pred T := owns (val q).

Lemma rest_family (a : index owns) : [ffun q : rest => coord a (val q)] \in family rest_owns.
Proof. by apply/familyP => q; rewrite ffunE; exact: coordP. Qed.

Definition split_index (a : index owns) : home * index rest_owns :=
  (exist _ (coord a p) (coordP a p), exist (fun f => f \in family rest_owns) _ (rest_family a)).

Definition glued (x : home * index rest_owns) : {ffun P -> T} :=
  [ffun q => if insub q is Some q' then coord x.2 q' else val x.1].

Lemma glued_family x : glued x \in family owns.
Proof.
apply/familyP => q; rewrite ffunE; case: insubP => [q' _ <-|]; first exact: (coordP x.2 q').
by rewrite negbK => /eqP ->; exact: (valP x.1).
Qed.

Lemma split_index_bij : bijective split_index.
Proof.
exists (fun x => exist (fun f => f \in family owns) (glued x) (glued_family x)) => [a|[i r]].
  apply: val_inj; apply/ffunP => q; rewrite /= ffunE /=.
  case: insubP => [q' _ <-|]; last by rewrite negbK => /eqP ->.
  by rewrite /coord /= ffunE.
congr pair; apply: val_inj; rewrite /= /coord /=.
  rewrite ffunE; case: insubP => // q' nq; by rewrite eqxx in nq.
apply/ffunP => q; rewrite !ffunE; case: insubP => [q' _ e|]; last by rewrite (valP q).
by congr (val r _); apply: val_inj.
Qed.

Lemma split_monomial (z : T -> R) (a : index owns) :
  monomial z a = z (val (split_index a).1) * monomial z (split_index a).2.
Proof.
rewrite /monomial (bigD1 p) //=; congr (_ * _).
rewrite (reindex_omap (val : rest -> P) insub) /=; last by move=> q nq; rewrite insubT.
apply: eq_big => [q|q _]; first by rewrite valK eqxx (valP q).
by congr z; rewrite /coord /= ffunE.
Qed.

(* v^T Q v of the factor at place p *)
Definition at_mode (mode : pred T) (Q : T -> T -> R) (z : T -> R) : R :=
  \sum_(t | mode t) \sum_(s | mode s) Q t s * (z t * z s).

Lemma sum_home (F : T -> R) : \sum_(i : home) F (val i) = \sum_(t | owns p t) F t.
Proof.
rewrite [RHS](reindex_omap (val : home -> T) insub) /=; last by move=> t ht; rewrite insubT.
by apply: eq_bigl => i; rewrite valK eqxx (valP i).
Qed.

Lemma form_home (Q : T -> T -> R) (z : T -> R) :
  form (fun i j : home => Q (val i) (val j)) (fun i => z (val i)) = at_mode (owns p) Q z.
Proof.
rewrite /at_mode -sum_home; apply: eq_bigr => i _.
by rewrite -sum_home.
Qed.

(* `split_part`: sign Q on the mode times F F^T on the others *)
Theorem split_part (K : finType) (sign : R) (Q : T -> T -> R) (F : index rest_owns -> K -> R) z :
  0 <= sign * at_mode (owns p) Q z ->
  0 <= form (fun a b : index owns =>
         sign * Q (val (split_index a).1) (val (split_index b).1)
         * \sum_k F (split_index a).2 k * F (split_index b).2 k) (monomial z).
Proof.
rewrite -form_home => side.
exact: (split_multiplier split_index_bij F (split_monomial z) side).
Qed.

End SplitIndex.

(* What a leaf may use of a group. *)
Section LeafOfProducts.
Variables (R : realFieldType) (P T V S : finType) (vec : P -> V) (coords : V -> pred T).
Variables (leT : rel T) (signed : pred P).

Local Notation owns := (fun p => coords (vec p)).
Local Notation A := (index owns).

(* c, d are the partner of a, b *)
Definition partners (a b c d : A) : Prop :=
  (forall p, coord c p = low vec leT (coord a) (coord b) p) /\
  (forall p, coord d p = high vec leT (coord a) (coord b) p).

Lemma partners_monomial a b c d (z : T -> R) : partners a b c d ->
  monomial z a * monomial z b = monomial z c * monomial z d.
Proof.
move=> [hc hd]; rewrite /monomial (partner_monomial vec leT).
by congr (_ * _); apply: eq_bigr => p _; rewrite ?hc ?hd.
Qed.

(* `leaf_of_products`: K at pairs with their partners, P >= 0 where no sign makes the monomial
   negative, and F for the splits above *)
Definition multipliers (ks : seq (R * (A * A) * (A * A))) (ps : seq (R * (A * A)))
    (fs : S -> A -> A -> R) (i j : A) : R :=
  \sum_(k <- ks) placed k.1.1 k.1.2.1 k.1.2.2 k.2.1 k.2.2 i j
  + \sum_(q <- ps) q.1 * twice R q.2.1 q.2.2 i j + \sum_s fs s i j.

Theorem leaf_of_products ks ps fs z :
  (forall k, k \in ks -> partners k.1.2.1 k.1.2.2 k.2.1 k.2.2) ->
  (forall q, q \in ps -> 0 <= q.1 /\ forall p, signed p \/ coord q.2.1 p = coord q.2.2 p) ->
  (forall s, 0 <= form (fs s) (monomial z)) ->
  (forall p t s, signed p -> owns p t -> owns p s -> 0 <= z t * z s) ->
  0 <= form (multipliers ks ps fs) (monomial z).
Proof.
move=> hk hp hf sg; rewrite /multipliers !formD.
have k0 : form (fun i j => \sum_(k <- ks) placed k.1.1 k.1.2.1 k.1.2.2 k.2.1 k.2.2 i j) (monomial z) = 0.
  by apply: null_multipliers => k /hk; exact: partners_monomial.
rewrite k0 add0r; apply: addr_ge0; last by rewrite form_sum; apply: sumr_ge0.
apply: sign_multipliers => q /hp [] // _ each.
exact: (monomial_sign (signed := signed)).
Qed.

End LeafOfProducts.

(* the norms of a group: `cube` are its linf modes, the others l1 or l2 *)
Section Balls.
Variables (R : realFieldType) (P T : finType) (owns : P -> pred T) (cube : pred P).

Definition in_balls (z : T -> R) : Prop :=
  (forall p, ~~ cube p -> \sum_(t | owns p t) z t ^+ 2 <= 1) /\
  (forall p t, cube p -> owns p t -> z t ^+ 2 <= 1).

(* `widest` of a mode, `Group.wide` *)
Definition wide : R := \prod_p (if cube p then #|[pred t | owns p t]|%:R else 1).

Lemma wide_le z : in_balls z -> size2 (monomial (owns := owns) z) <= wide.
Proof.
move=> [simple cubic]; apply: size2_wide => p; case: ifP => [cp|/negbT/simple//].
by rewrite -sum1_card natr_sum; apply: ler_sum => t ht; exact: (cubic p).
Qed.

(* m is `Group.cost` of d *)
Definition costs (d : index owns -> R) (m : R) : Prop := 0 <= m /\
  forall a : index owns, \sum_(b : index owns | [forall p, ~~ cube p ==> (coord b p == coord a p)]) Num.max (d b) 0 <= m.

Lemma costs_le d m z : costs d m -> in_balls z -> \sum_a d a * monomial z a ^+ 2 <= m.
Proof. by move=> [m0 most] [simple cubic]; apply: cost_bound most. Qed.

(* the l1 ball lies in the l2 ball *)
Lemma l1_in_l2 (p : pred T) (z : T -> R) :
  \sum_(t | p t) `|z t| <= 1 -> \sum_(t | p t) z t ^+ 2 <= 1.
Proof.
move=> h; apply: le_trans (h); apply: ler_sum => t pt.
have le1 : `|z t| <= 1.
  by apply: le_trans h; rewrite (bigD1 t) //= lerDl; apply: sumr_ge0.
by rewrite -real_normK ?num_real // expr2 ler_piMr.
Qed.

End Balls.

Section Transpose.
Variables (R : realFieldType) (T P1 P2 S : finType) (mode : S -> pred T) (Q : S -> T -> T -> R).
Variables (owns1 : P1 -> pred T) (owns2 : P2 -> pred T) (cube1 : pred P1) (cube2 : pred P2).
Variables (dom : (T -> R) -> Prop) (bound : R).
Variables (count : nat) (nodes : nat -> node S unit).

Local Notation A := (index owns1).
Local Notation B := (index owns2).
Local Notation x z := (monomial (owns := owns1) z).
Local Notation y z := (monomial (owns := owns2) z).

(* v^T Q_s v >= 0 goes to the node "plus", <= 0 to "minus" *)
Definition side s (z : T -> R) : R := at_mode (mode s) (Q s) z.
Definition none (c : unit) (z : T -> R) : Prop := False.
Local Notation on := (on_path side none).

Hypotheses (pos : (0 < count)%N) (ord : orderly count nodes).
Hypothesis splits : forall at_ cs, nodes at_ <> Cases _ cs.

Lemma every_leaf (value : (T -> R) -> R) :
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t ->
     forall z, dom z -> on z path -> value z <= bound) ->
  forall z, dom z -> value z <= bound.
Proof.
move=> leaf z dz; have comp : complete none nodes z by move=> at_ cs /splits.
have [at_ [path [t [r e o]]]] := tree_cover side pos ord comp.
exact: leaf r e z dz o.
Qed.

(* J is nonnegative wherever the path holds: `leaf_of_products` and `split_part` *)
Definition multiplier path (J : forall z, R) : Prop := forall z, dom z -> on z path -> 0 <= J z.

(* `transpose`, "gram".  P1' are the rows with their copies; without copies P1' is P1, G' is S S^T
   and `gram_form` says what is asked of it; with them `copied_form` does. *)
Theorem transpose_gram (P1' : finType) (owns1' : P1' -> pred T) (cube1' : pred P1')
    (W N : A -> B -> R) (G' : index owns1' -> index owns1' -> R) :
  0 <= bound ->
  (forall z, dom z -> in_balls owns1' cube1' z /\ in_balls owns2 cube2 z) ->
  (forall z, dom z -> 0 <= pairing N (x z) (y z)) ->
  (forall z, dom z -> form G' (monomial z) = size2 (fun b => \sum_a (W a b + N a b) * x z a)) ->
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t ->
     exists (J : index owns1' -> index owns1' -> R) (D : index owns1' -> R) (top cost : R),
     [/\ multiplier path (fun z => form J (monomial z)),
         below (fun a b => G' a b + J a b - diagonal D a b) top,
         costs cube1' D cost &
         (cost + Num.max top 0 * wide R owns1' cube1') * wide R owns2 cube2 <= bound ^+ 2]) ->
  forall z, dom z -> pairing W (x z) (y z) <= bound.
Proof.
move=> b0 balls hN hG leaf; apply: every_leaf => at_ path t r e z dz o.
have [J [D [top [cost [hJ hB hD hb]]]]] := leaf _ _ _ r e; have [b1 b2] := balls z dz.
exact: (gram_leaf (hG z dz) (hN z dz) (hJ z dz o) hB (costs_le hD b1) (wide_le b1) (wide_le b2) b0 hb).
Qed.

(* `transpose`, "hat" *)
Theorem transpose_hat (W N : A -> B -> R) :
  (forall z, dom z -> in_balls owns1 cube1 z /\ in_balls owns2 cube2 z) ->
  (forall z, dom z -> 0 <= pairing N (x z) (y z)) ->
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t ->
     exists (J : A -> A -> R) (J' : B -> B -> R) (D : A + B -> R) (top cost cost' : R),
     [/\ multiplier path (fun z => form J (x z)) /\ multiplier path (fun z => form J' (y z)),
         below (fun p q => hat (fun a b => W a b + N a b) p q + blocks J J' p q - diagonal D p q) top,
         costs cube1 (fun a => D (inl a)) cost, costs cube2 (fun b => D (inr b)) cost' &
         (cost + cost' + Num.max top 0 * (wide R owns1 cube1 + wide R owns2 cube2)) / 2 <= bound]) ->
  forall z, dom z -> pairing W (x z) (y z) <= bound.
Proof.
move=> balls hN leaf; apply: every_leaf => at_ path t r e z dz o.
have [J [J' [D [top [cost [cost' [[hJ hJ'] hB hD hD' hb]]]]]]] := leaf _ _ _ r e.
have [b1 b2] := balls z dz; apply: le_trans hb.
exact: (hat_leaf (hN z dz) (hJ z dz o) (hJ' z dz o) hB (costs_le hD b1) (costs_le hD' b2)
          (wide_le b1) (wide_le b2)).
Qed.

(* `transpose`, "square": a symmetric atom, its columns are the same products as its rows *)
Theorem transpose_square (W N : A -> A -> R) :
  (forall z, dom z -> in_balls owns1 cube1 z) ->
  (forall z, dom z -> 0 <= pairing N (x z) (x z)) ->
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t ->
     exists (J : A -> A -> R) (D : A -> R) (top cost : R),
     [/\ multiplier path (fun z => form J (x z)),
         below (fun a b => (W a b + N a b + (W b a + N b a)) / 2 + J a b - diagonal D a b) top,
         costs cube1 D cost & cost + Num.max top 0 * wide R owns1 cube1 <= bound]) ->
  forall z, dom z -> pairing W (x z) (x z) <= bound.
Proof.
move=> balls hN leaf; apply: every_leaf => at_ path t r e z dz o.
have [J [D [top [cost [hJ hB hD hb]]]]] := leaf _ _ _ r e; have b1 := balls z dz.
apply: le_trans hb.
exact: (square_leaf (hN z dz) (hJ z dz o) hB (costs_le hD b1) (wide_le b1)).
Qed.

End Transpose.

(* From the unit balls to theta = product of the norms: Omega* <= bound without division.  `scale`
   multiplies the factors; the value is multilinear and every norm is homogeneous. *)
Theorem multilinear_polar (R : realFieldType) (P : finType) (Z : Type) (scale : (P -> R) -> Z -> Z)
    (value : Z -> R) (norm : P -> Z -> R) (dom : Z -> Prop) (bound : R) :
  0 <= bound ->
  (forall c z, value (scale c z) = (\prod_p c p) * value z) ->
  (forall c z p, 0 <= c p -> norm p (scale c z) = c p * norm p z) ->
  (forall c z, (forall p, 0 <= c p) -> dom z -> dom (scale c z)) ->
  (forall z p, 0 <= norm p z) -> (forall z p, norm p z = 0 -> value z = 0) ->
  (forall z, dom z -> (forall p, norm p z <= 1) -> value z <= bound) ->
  forall z, dom z -> value z <= bound * \prod_p norm p z.
Proof.
move=> b0 hv hn hd n0 zero at1 z dz.
have all0 : 0 <= \prod_p norm p z by apply: prodr_ge0.
have [p /eqP np|none] := pickP (fun p => norm p z == 0).
  by rewrite (zero _ _ np) mulr_ge0.
pose c p := (norm p z)^-1; have c0 p : 0 <= c p by rewrite invr_ge0.
have := at1 (scale c z) (hd _ _ c0 dz); rewrite hv /c prodfV => le.
have ppos : 0 < \prod_p norm p z by apply: prodr_gt0 => p _; rewrite lt_def none n0.
rewrite -ler_pdivrMr // mulrC; apply: le => p.
have e : norm p (scale c z) = 1 by rewrite hn // /c mulVf // none.
by move: e; rewrite /c => ->.
Qed.
