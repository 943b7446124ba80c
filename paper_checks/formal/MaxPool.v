(* Hidden layers that take the largest of a sample's rows: the rule `max_pool`.

   h_k(u) = max over the rows i of sample k of (f_i . u)_+.  Of one output and one sign e of v,
   omega_k = e W_k; in a leaf, base k is a row of sample k or None, where all rows are summed.  The
   layer that sums has the rows g, f_i itself or f_i - f_b rounded (`dominating`); a row that is not
   there in the kernel has the weight 0 here, as have the rows of the path to the leaf. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring lra.
From Formal Require Import Base Forms Network NetworkLeaf Layers NetworkRule.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Largest.
Variables (R : realFieldType) (I D S : finType) (f : I -> D -> R) (sample : I -> S).
Implicit Types (u : D -> R) (k : S) (i b : I).

Definition largest u k : R := \big[Num.max/0]_(i | sample i == k) inner (f i) u.

Lemma pos_ge0 (z : R) : 0 <= pos z. Proof. by rewrite /pos le_max lexx orbT. Qed.
Lemma pos_ge (z : R) : z <= pos z. Proof. by rewrite /pos le_max lexx. Qed.
Lemma act0_pos (z : R) : act 0 z = pos z.
Proof. by rewrite act_parts mul0r subr0. Qed.

(* h_k >= (a_b)_+ *)
Lemma largest_ge u i : pos (inner (f i) u) <= largest u (sample i).
Proof.
rewrite /pos ge_max bigmax_ge_id andbT.
by apply: (le_bigmax_cond _ (fun j => inner (f j) u)).
Qed.

Lemma largest_le u k c : 0 <= c -> (forall i, sample i = k -> inner (f i) u <= c) -> largest u k <= c.
Proof. by move=> c0 h; apply: bigmax_le => // i /eqP; apply: h. Qed.

Lemma largestM u k c : 0 <= c -> largest (fun j => c * u j) k = c * largest u k.
Proof.
have scale i : inner (f i) (fun j => c * u j) = c * inner (f i) u.
  by rewrite /inner mulr_sumr; apply: eq_bigr => j _; rewrite mulrCA.
move=> c0; apply/eqP; rewrite eq_le; apply/andP; split.
  apply: largest_le => [|i <-]; first by rewrite mulr_ge0 // /largest bigmax_ge_id.
  by rewrite scale; apply: ler_wpM2l => //; apply: le_trans (pos_ge _) (largest_ge _ _).
have [->|cne] := eqVneq c 0; first by rewrite mul0r /largest bigmax_ge_id.
have cpos : 0 < c by rewrite lt_def cne.
rewrite -ler_pdivlMl //; apply: largest_le => [|i <-].
  by rewrite mulr_ge0 ?invr_ge0 // /largest bigmax_ge_id.
rewrite ler_pdivlMl // -scale; exact: le_trans (pos_ge _) (largest_ge _ _).
Qed.

Variables (omega : S -> R) (base : S -> option I) (g : I -> D -> R) (lost : I -> R).

(* the rows whose difference from the base is taken, and those that are there at all *)
Definition compared i : bool :=
  (0 < omega (sample i)) && (if base (sample i) is Some b then i != b else false).
Definition there i : bool := (0 < omega (sample i)) || (base (sample i) == Some i).
Definition weight i : R := if there i then omega (sample i) else 0.
Definition extra : R := \sum_(i | compared i) omega (sample i) * lost i.

Hypotheses
  (based : forall k b, base k = Some b -> sample b = k)
  (low : forall k, omega k <= 0 -> base k <> None)
  (own : forall i, ~~ compared i -> g i =1 f i)
  (lost0 : forall i, 0 <= lost i)
  (near : forall i b, compared i -> base (sample i) = Some b ->
     size2 (fun j => f i j - f b j - g i j) <= lost i ^+ 2).

Lemma inner_ext (x y : D -> R) u : x =1 y -> inner x u = inner y u.
Proof. by move=> e; apply: eq_bigr => j _; rewrite e. Qed.

(* (a_i - a_b)_+ <= (g_i . u)_+ + |f_i - f_b - g_i| *)
Lemma difference_le u i b : size2 u <= 1 -> compared i -> base (sample i) = Some b ->
  inner (f i) u <= pos (inner (f b) u) + (pos (inner (g i) u) + lost i).
Proof.
move=> hu ci hb.
have -> : inner (f i) u
    = inner (f b) u + (inner (g i) u + inner (fun j => f i j - f b j - g i j) u).
  by rewrite /inner -!big_split /=; apply: eq_bigr => j _; ring.
have : inner (fun j => f i j - f b j - g i j) u <= lost i.
  by apply: network_l2 hu; [exact: lost0|exact: near].
have := pos_ge (inner (f b) u); have := pos_ge (inner (g i) u); lra.
Qed.

(* one sample that counts from above *)
Lemma above_le u k : size2 u <= 1 -> 0 < omega k ->
  largest u k <= \sum_(i | sample i == k) (pos (inner (g i) u) + if compared i then lost i else 0).
Proof.
move=> hu pk.
have term0 i : 0 <= pos (inner (g i) u) + if compared i then lost i else 0.
  by apply: addr_ge0; [exact: pos_ge0|case: ifP].
apply: largest_le => [|i ik]; first by apply: sumr_ge0.
case: (boolP (compared i)) => [ci|ni].
  case hb: (base (sample i)) => [b|]; last by move: ci; rewrite /compared hb andbF.
  have sb : sample b = k by rewrite (based hb) ik.
  have ib : i != b by move: ci; rewrite /compared hb => /andP[].
  have nb : ~~ compared b by rewrite /compared (based hb) hb eqxx andbF.
  rewrite (bigD1 i) /=; last exact/eqP.
  rewrite (bigD1 b) /=; last by rewrite sb eqxx eq_sym.
  rewrite ci (negPf nb) (inner_ext u (own nb)).
  have := difference_le hu ci hb.
  have : 0 <= \sum_(j | ((sample j == k) && (j != i)) && (j != b))
      (pos (inner (g j) u) + if compared j then lost j else 0) by apply: sumr_ge0.
  by move: (\sum_(j | _) _) => rest; lra.
rewrite (bigD1 i) /=; last exact/eqP.
rewrite (negPf ni) (inner_ext u (own ni)) addr0.
have : 0 <= \sum_(j | (sample j == k) && (j != i))
    (pos (inner (g j) u) + if compared j then lost j else 0) by apply: sumr_ge0.
by have := pos_ge (inner (f i) u); move: (\sum_(j | _) _) => rest; lra.
Qed.

(* `dominating` *)
Theorem max_pool_dominating u : size2 u <= 1 ->
  \sum_k omega k * largest u k <= \sum_i weight i * pos (inner (g i) u) + extra.
Proof.
move=> hu; rewrite (_ : extra = \sum_i if compared i then omega (sample i) * lost i else 0); last first.
  by rewrite /extra big_mkcond.
rewrite -big_split [leRHS](partition_big sample predT) //=.
apply: ler_sum => k _; have [le|pk] := leP (omega k) 0.
  case hb: (base k) => [b|]; last by have := low le.
  have sb := based hb.
  have no i : sample i = k -> compared i = false by move=> ik; rewrite /compared ik ltNge le.
  rewrite (bigD1 b) /=; last exact/eqP.
  rewrite big1 ?addr0 => [|i /andP[/eqP ik ib]]; last first.
    rewrite (no _ ik) addr0 /weight /there ik ltNge le /= hb.
    by rewrite (_ : (Some b == Some i) = false) ?mul0r //; apply/negP => /eqP[e]; rewrite e eqxx in ib.
  rewrite (no _ sb) addr0 /weight /there sb hb eqxx orbT.
  have nb : ~~ compared b by rewrite no.
  rewrite (inner_ext u (own nb)); apply: ler_wnM2l => //.
  by rewrite -sb; exact: largest_ge.
apply: le_trans (_ : _ <= omega k * \sum_(i | sample i == k)
    (pos (inner (g i) u) + if compared i then lost i else 0)) _.
  by apply: ler_wpM2l; [exact: ltW|exact: above_le].
rewrite mulr_sumr; apply: ler_sum => i /eqP ik.
by rewrite /weight /there ik pk mulrDr; case: ifP; rewrite ?mulr0.
Qed.

End Largest.

(* A leaf: the layer that sums, its rows g and behind them the `sides`, which are >= 0 there, bounded
   by a tree of `network` for the sign e. *)
Section Leaf.
Variables (R : realFieldType) (I D S O Q : finType) (f : I -> D -> R) (sample : I -> S).
Variables (n : nat) (sides : 'I_n -> D -> R) (W : S -> R) (e : R) (o : O).

Local Notation J := (I + 'I_n)%type.

Definition rows (g : I -> D -> R) (x : J) : D -> R :=
  match x with inl i => g i | inr q => sides q end.

Definition weights (omega : S -> R) (base : S -> option I) (x : J) : R :=
  match x with inl i => e * weight sample omega base i | inr _ => 0 end.

(* what the kernel checks at a leaf: `bound + extra`, bound by `network` *)
Definition max_pool_leaf (P : R) : Prop :=
  let omega k := e * W k in
  exists (base : S -> option I) (g : I -> D -> R) (lost : I -> R) (tau best : R)
    (cut_p : Q -> J -> R) (cut_u : Q -> D -> R) (count : nat) (nodes : nat -> node (J + Q) R),
  let w x (_ : O) := weights omega base x in
  let start := [seq Side R (inl (inr q) : J + Q) true | q <- enum 'I_n] in
  [/\ [/\ forall k b, base k = Some b -> sample b = k,
          forall k, omega k <= 0 -> base k <> None,
          forall i, ~~ compared sample omega base i -> g i =1 f i,
          forall i, 0 <= lost i &
          forall i b, compared sample omega base i -> base (sample i) = Some b ->
            size2 (fun j => f i j - f b j - g i j) <= lost i ^+ 2],
      [/\ tau != 0, 0 <= best, (0 < count)%N & orderly count nodes],
      forall at_ cs, nodes at_ = Cases _ cs -> exists i, cs = [:: (e, i)],
      forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t ->
        closed (rows g) (fun=> 0) 0 tau 0 best w cut_p cut_u (fun=> 0) (path ++ start) &
      best + extra sample omega base lost <= P].

Hypotheses (one : forall o' : O, o' = o) (e1 : e ^+ 2 = 1).

Theorem max_pool_leaf_le P u : max_pool_leaf P -> size2 u = 1 ->
  (forall q, 0 <= inner (sides q) u) -> \sum_k (e * W k) * largest f sample u k <= P.
Proof.
move=> [base [g [lost [tau [best [cut_p [cut_u [count [nodes]]]]]]]]] /=.
move=> [[based low own lost0 near] [tau0 best0 pos0 ord] signs leaf sum] u1 inside.
apply: le_trans sum; apply: le_trans (max_pool_dominating based low own lost0 near _) _.
  by rewrite u1.
apply: lerD => //.
set w := fun x (_ : O) => weights (fun k => e * W k) base x.
have <- : e * output (rows g) (fun=> 0) 0 w (u, 0) o
    = \sum_i weight sample (fun k => e * W k) base i * pos (inner (g i) u).
  rewrite /output /value big_sumType /= [X in _ + X]big1 ?addr0 => [|q _]; last by rewrite mul0r.
  rewrite mulr_sumr; apply: eq_bigr => i _; rewrite act0_pos /pre /= mul0r addr0 !mulrA.
  by rewrite -expr2 e1 mul1r.
apply: (network_rule_inside tau0 best0 e1 one signs _ pos0 ord leaf) => //; last by rewrite /= normr0.
elim: (enum 'I_n) => //= q rest ih; split=> //; rewrite /= /pre /= mul0r addr0.
exact: inside.
Qed.

End Leaf.

(* The tree of a sign, and both signs: <W, h(u) v> over all u, and v of a sign that is asked for. *)
Section Tree.
Variables (R : rcfType) (I D S O Q T : finType) (f : I -> D -> R) (sample : I -> S).
Variables (split : T -> D -> R) (W : S -> R) (o : O).
Hypothesis one : forall o' : O, o' = o.
Implicit Types (u : D -> R).

(* sum_k W_k h_k(u) *)
Definition earned u : R := \sum_k W k * largest f sample u k.

Definition side_at (t : T) (u : D -> R) : R := inner (split t) u.

(* sign * the row of a split, for each step of the path *)
Definition side_of (s : step T unit) : D -> R :=
  match s with
  | Side t c => fun j => (if c then 1 else -1) * split t j
  | Case _ => fun=> 0
  end.

Definition sides_of (path : seq (step T unit)) (q : 'I_(size path)) : D -> R :=
  side_of (nth (Case T tt) path q).

Lemma sides_ge0 path u q : on_path side_at (fun _ _ => True) u path ->
  0 <= inner (sides_of (path := path) q) u.
Proof.
rewrite /sides_of; case: q => q /=; elim: path q => [|s rest ih] [|q] //= lt [hs on]; last exact: ih.
case: s hs => [t c|c] /=; last by move=> _; rewrite /inner big1 // => j _; rewrite mul0r.
have -> : inner (fun j => (if c then 1 else -1) * split t j) u = (if c then 1 else -1) * side_at t u.
  by rewrite /inner mulr_sumr; apply: eq_bigr => j _; rewrite mulrA.
by case: c => hs; rewrite ?mul1r // mulN1r oppr_ge0.
Qed.

(* one sign: every leaf that is reached is closed *)
Theorem max_pool_sign (e P : R) (count : nat) (nodes : nat -> node T unit) u :
  e ^+ 2 = 1 -> (0 < count)%N -> orderly count nodes ->
  (forall at_ cs, nodes at_ <> Cases _ cs) ->
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t ->
     max_pool_leaf O Q f sample (sides_of (path := path)) W e P) ->
  size2 u = 1 -> e * earned u <= P.
Proof.
move=> e1 pos0 ord none leaf u1.
have comp : complete (fun (_ : unit) (_ : D -> R) => True) nodes u by move=> at_ cs /none.
have [at_ [path [t [r eq on]]]] := tree_cover side_at pos0 ord comp.
rewrite /earned mulr_sumr (eq_bigr (fun k => e * W k * largest f sample u k)) => [|k _]; last exact: mulrA.
apply: (max_pool_leaf_le one e1 (leaf _ _ _ r eq) u1) => q.
exact: sides_ge0.
Qed.

(* to every u: h is homogeneous *)
Lemma max_pool_ball (e P : R) u : 0 <= P ->
  (forall u, size2 u = 1 -> e * earned u <= P) ->
  e * earned u <= P * Num.sqrt (size2 u).
Proof.
move=> P0 at1.
have hom c (x : D -> R) (y : R) : 0 <= c ->
    e * earned (fun j => c * x j) = c * (e * earned x).
  move=> c0; rewrite mulrCA /earned; congr (_ * _); rewrite mulr_sumr; apply: eq_bigr => k _.
  by rewrite largestM // mulrCA.
have ext (x z : D -> R) (y : R) : x =1 z ->
    e * earned x = e * earned z.
  move=> h; congr (_ * _); apply: eq_bigr => k _; congr (_ * _); apply: eq_bigr => i _.
  by apply: eq_bigr => j _; rewrite h.
have unit (x : D -> R) (y : R) : size2 x = 1 -> `|y| <= 0 ->
    e * earned x <= P by move=> x1 _; exact: at1.
have := unit_priced (g := fun x _ => e * earned x) hom ext unit.
by move=> /(_ u 0); rewrite normr0 mul0r; exact.
Qed.

(* `max_pool`: v has the sign e, or any where both signs are bounded; of several outputs this is
   what `outputs_l1`, `outputs_linf` and `outputs_l2` ask of each *)
Theorem max_pool_polar (signs : seq R) (P : R) u v : 0 <= P ->
  (forall e, e \in signs -> e ^+ 2 = 1 /\
     forall u, size2 u = 1 -> e * earned u <= P) ->
  (exists2 e, e \in signs & 0 <= e * v) ->
  earned u * v <= P * Num.sqrt (size2 u) * `|v|.
Proof.
move=> P0 each [e /each [e1 at1] ev]; have := max_pool_ball u P0 at1.
exact: (output_sign (y := fun=> _) (v := fun=> v) (P := fun=> _) (o := tt)).
Qed.

(* both signs are everything *)
Lemma max_pool_signs (v : R) : exists2 e, e \in [:: 1; -1 : R] & 0 <= e * v.
Proof.
have [ge|/ltW le] := leP 0 v; first by exists 1; rewrite ?inE ?eqxx // mul1r.
by exists (-1); rewrite ?inE ?eqxx ?orbT // mulN1r oppr_ge0.
Qed.

End Tree.

(* <W, phi(u, v)>, phi(u, v) = h(u) v^T, of several outputs *)
Lemma max_pool_pairing (R : realFieldType) (S O : finType) (W : S -> O -> R) (h : S -> R) (v : O -> R) :
  \sum_k \sum_o W k o * (h k * v o) = inner (fun o => \sum_k W k o * h k) v.
Proof.
rewrite exchange_big; apply: eq_bigr => o _; rewrite mulr_suml.
by apply: eq_bigr => k _; rewrite mulrA.
Qed.
