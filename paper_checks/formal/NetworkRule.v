(* Hidden layers: the rule `network` as a whole, from the nodes of a proof to its bound, and the
   polar that follows.

   Z is a point (u, b).  `closed path` is what the kernel checks at a leaf: one of `cell_bound`,
   `network_leaf` and `network_leaf` with "linear"; `reached` is its walk.  What differs: numbers
   are dyadic there and roots are rounded up, so the kernel's bound is at least best.  A node "above"
   or "range" is not a step here: that its fact holds of every z is `added_fact`, or of every z at a break
   `range_fact`, and `network_leaf` is about any facts that hold. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring lra.
From Formal Require Import Base Forms Network NetworkLeaf Layers.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Rule.
Variables (R : realFieldType) (I D O Q : finType).
Variables (f : I -> D -> R) (h : I -> R) (a tau reach best : R) (w : I -> O -> R).
(* the rows of "cuts": over p, u and the bias *)
Variables (cut_p : Q -> I -> R) (cut_u : Q -> D -> R) (cut_b : Q -> R).
Hypotheses (tau0 : tau != 0) (best0 : 0 <= best).

Definition Z := ((D -> R) * R)%type.

(* {"row": i} and {"cut": q} *)
Definition split_at (s : I + Q) (z : Z) : R :=
  match s with
  | inl i => pre f h z.1 z.2 i
  | inr q => \sum_i cut_p q i * pos (pre f h z.1 z.2 i) + inner (cut_u q) z.1 + cut_b q * z.2
  end.

Definition output (z : Z) (o : O) : R := value f h a (fun i => w i o) z.1 z.2.

(* {"signs": ...}: sign w^T s(F u) by itself, of every output; the kernel allows it for one *)
Definition sign_case (sign : R) (z : Z) : Prop :=
  sign ^+ 2 = 1 /\ forall o, 0 <= sign * output z o.

Local Notation step := (step (I + Q) R).
Implicit Types (path : seq step) (z : Z).

Definition row_of (s : step) : place I D -> R :=
  match s with
  | Side (inl i) side => let c := if side then 1 else -1 in
      parts (fun=> 0) (fun j => c * f i j) (c * h i) 0
  | Side (inr q) side => let c := if side then 1 else -1 in
      parts (fun i => c * tau * cut_p q i) (fun j => c * cut_u q j) (c * cut_b q) 0
  | Case _ => fun=> 0
  end.

Lemma row_of_ge0 z s t : holds split_at sign_case z s ->
  0 <= inner (row_of s) (point f h tau z.1 z.2 t).
Proof.
have pick (c : bool) (x : R) : (if c then 0 <= x else x <= 0) -> 0 <= (if c then 1 else -1) * x.
  by case: c; rewrite ?mul1r // mulN1r oppr_ge0.
case: s => [[i|q] side|c] /=; last by rewrite inner_zero.
  by move=> hs; rewrite inner_row //; apply: pick; case: side hs.
by move=> hs; rewrite inner_cut //; apply: pick; case: side hs.
Qed.

(* the facts of a leaf after p and q, in order: `facts` *)
Definition rows_of (radial : bool) (r : I -> R) path : seq (place I D -> R) :=
  (if radial then (parts (fun=> 0) (fun=> 0) 0 1) ::
     [seq parts (only i (- tau)) (fun=> 0) 0 (r i) | i <- enum I] ++
     [seq parts (only i (- tau)) (f i) (h i) (r i) | i <- enum I]
   else [::]) ++ [seq row_of s | s <- path].

Definition nth_row rows (q : 'I_(size rows)) : place I D -> R := nth (fun=> 0) rows q.

Lemma rows_of_all (radial : bool) r path z (t : R) :
  (radial -> 0 <= t /\ forall i, `|pre f h z.1 z.2 i| <= r i * t) ->
  on_path split_at sign_case z path ->
  forall s, List.In s (rows_of radial r path) -> 0 <= inner s (point f h tau z.1 z.2 t).
Proof.
move=> hr on s h0; have [] := In_cat h0.
  case: radial hr {h0} => [hr|_ []]; have [t0 far] := hr isT.
  have each i := radial_facts tau0 t0 (far i).
  move=> /= [<-|h1].
    by rewrite inner_parts !inner_zero !mul0r !add0r mul1r.
  have [h2|h2] := In_cat h1; have [i [<- _]] := In_map h2; by have [] := each i.
move=> h1; have [x [<-]] := In_map h1.
elim: path on {h0 h1} => //= y rest ih [hy on] [<-|]; last exact: ih.
exact: row_of_ge0.
Qed.

Lemma rows_of_ge0 (radial : bool) r path z (t : R) (q : 'I_(size (rows_of radial r path))) :
  (radial -> 0 <= t /\ forall i, `|pre f h z.1 z.2 i| <= r i * t) ->
  on_path split_at sign_case z path ->
  0 <= inner (nth_row q) (point f h tau z.1 z.2 t).
Proof.
move=> hr on; apply: (rows_of_all hr on); rewrite /nth_row; case: q => q /=.
elim: (rows_of _ _ _) q => // s rest ih [|q] lt /=; [by left|right].
exact: ih.
Qed.

(* {"leaf": t, ...}: the square of |W^T s(F u)|; "Y<t>" is cy and ct, and `ranges` is false with it *)
Definition by_leaf path : Prop := exists (radial_on ranges : bool) (r : I -> R),
  let row := @nth_row (rows_of ranges r path) in
  exists (N : fact I _ -> fact I _ -> R) (cy : fact I _ -> D -> R) (ct : fact I _ -> R)
    (level bias radial t : R),
  [/\ (forall i, ranges -> forall u b, size2 u = 1 -> `|b| <= reach -> `|pre f h u b i| <= r i),
      radial_on \/ [/\ ~~ ranges, radial = 0 & forall k, ct k = 0],
      (forall k l, ~~ meet k l -> 0 <= N k l) /\ in_cone cy ct,
      below (fun x y => \sum_o outputs_of f h a tau row w x o * outputs_of f h a tau row w y o
             + cone_products f h tau row cy ct x y + congruence f h tau row N x y
             - diagonal (levels level bias radial) x y) t &
      leaf_value f h tau level bias radial t reach <= best ^+ 2].

(* ... "linear": the value itself, below a `signs` node *)
Definition by_linear path : Prop := exists (ranges : bool) (r : I -> R) (sign : R),
  let row := @nth_row (rows_of ranges r path) in
  exists (N : fact I _ -> fact I _ -> R) (cy : fact I _ -> D -> R) (ct : fact I _ -> R)
    (level bias radial t : R) (o : O),
  [/\ List.In (Case _ sign) path /\ (forall o', o' = o),
      (forall i, ranges -> forall u b, size2 u = 1 -> `|b| <= reach -> `|pre f h u b i| <= r i),
      (forall k l, ~~ meet k l -> 0 <= N k l) /\ in_cone cy ct,
      below (fun x y => outputs_of f h a tau row w x o * half sign y
             + half sign x * outputs_of f h a tau row w y o
             + cone_products f h tau row cy ct x y + congruence f h tau row N x y
             - diagonal (levels level bias radial) x y) t &
      leaf_value f h tau level bias radial t reach <= best].

(* the rows of the path with their sides *)
Fixpoint sides path : seq (I * R) :=
  match path with
  | Side (inl i) side :: rest => (i, if side then 1 else -1) :: sides rest
  | _ :: rest => sides rest
  | [::] => [::]
  end.

Lemma sides_sided path z : on_path split_at sign_case z path -> sided f h z.1 z.2 (sides path).
Proof.
elim: path => [|[[i|q] side|c] rest ih] //= [hs on]; try exact: ih.
move=> k; rewrite inE => /orP[/eqP ->|]; last exact: ih.
by case: side hs => /=; rewrite ?mul1r // mulN1r oppr_ge0.
Qed.

(* {"cell": ...}: what is used of a row holds wherever the path does (`chords` prove it) *)
Definition by_cell path : Prop := exists (sign : R) (o : O) (l : forall i, line (sign * w i o))
    (mu : I * R -> R) (top : R),
  let total i := slope_of a (l i) + \sum_(k <- sides path | k.1 == i) k.2 * mu k in
  [/\ List.In (Case _ sign) path /\ (forall o', o' = o),
      forall z, size2 z.1 <= 1 -> `|z.2| <= reach -> sided f h z.1 z.2 (sides path) ->
        forall i, fits a (l i) (pre f h z.1 z.2 i),
      (forall k, k \in sides path -> 0 <= mu k) /\ 0 <= top,
      size2 (fun j => \sum_i total i * f i j) <= top ^+ 2 &
      top + `|\sum_i total i * h i| * reach + \sum_i extra_of a (l i) <= best].

Definition closed path := [\/ by_leaf path, by_linear path | by_cell path].

Lemma case_of path sign z : List.In (Case _ sign) path -> on_path split_at sign_case z path ->
  sign_case sign z.
Proof. by elim: path => //= s rest ih [-> [] //|/ih + [_ on]]; apply. Qed.

Lemma signed_square (x sign : R) : sign ^+ 2 = 1 -> 0 <= sign * x -> sign * x <= best ->
  x ^+ 2 <= best ^+ 2.
Proof. by move=> s1 p le; rewrite -[x ^+ 2]mul1r -s1 -exprMn; rewrite lerXn2r ?nnegrE. Qed.

Lemma one_size2 (o : O) (y : O -> R) : (forall o', o' = o) -> size2 y = y o ^+ 2.
Proof. by move=> one; rewrite /size2 (bigD1 o) //= big1 ?addr0 // => o'; rewrite (one o') eqxx. Qed.

(* The bound of a leaf. *)
Lemma closed_le path z : 0 <= reach -> closed path ->
  size2 z.1 = 1 -> `|z.2| <= reach -> on_path split_at sign_case z path ->
  size2 (output z) <= best ^+ 2.
Proof.
move=> reach0 close u1 hb on.
have b2 : z.2 ^+ 2 <= reach ^+ 2 by rewrite -real_normK ?num_real // lerXn2r ?nnegrE.
have le1 : size2 z.1 <= 1 by rewrite u1.
case: close => [[ra [ranges [r]]]|[ranges [r [sign]]]|[sign [o [l [mu [top]]]]]].
- move=> /= [N [cy [ct [level [bias [radial [t [hr hrad [hN hy] hG hv]]]]]]]]; apply: le_trans hv.
  pose s : R := if ra then 1 else 0.
  have s0 : 0 <= s by rewrite /s; case: (ra); rewrite ?ler01.
  apply: (network_leaf tau0 (s := s) hG hN _ hy s0 le1 b2) => [q|].
    apply: rows_of_ge0 on => hra; have -> : s = 1.
      by rewrite /s; case: (ra) hrad => // -[//|[/negP]]; case.
    by split=> [|i]; rewrite ?ler01 // mulr1; apply: hr hra _ _ u1 hb.
  rewrite /s u1; case: (ra) hrad => [_|[//|[_ -> z0]]]; last by right.
  by left; rewrite expr1n.
- move=> /= [N [cy [ct [level [bias [radial [t [o [[inn one] hr [hN hy] hG hv]]]]]]]]].
  have [s1 pos] := case_of inn on.
  rewrite (one_size2 _ one); apply: (signed_square s1 (pos o)); apply: le_trans hv.
  apply: (network_leaf_linear tau0 hG hN _ hy u1 b2) => q.
  by apply: rows_of_ge0 on => hra; split=> // i; rewrite mulr1; apply: hr.
- move=> /= [[inn one] fit [mu0 top0] htop hv].
  have [s1 pos] := case_of inn on; have side := sides_sided on.
  rewrite (one_size2 _ one); apply: (signed_square s1 (pos o)); apply: le_trans hv.
  apply: le_trans (cell_bound le1 hb side mu0 (fit _ le1 hb side) top0 htop).
  rewrite /output /value mulr_sumr; apply: ler_sum => i _; by rewrite mulrA.
Qed.

(* `network`: every leaf that is reached is closed.  Where the cases of a `signs` node do not hold
   z (v has a sign and this output the other), z does not count. *)
Theorem network_rule (count : nat) (nodes : nat -> node (I + Q) R) :
  0 <= reach -> (0 < count)%N -> orderly count nodes ->
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t -> closed path) ->
  forall z, size2 z.1 = 1 -> `|z.2| <= reach -> complete sign_case nodes z ->
  size2 (output z) <= best ^+ 2.
Proof.
move=> reach0 pos ord leaf z u1 hb comp.
have [at_ [path [t [r e on]]]] := tree_cover split_at pos ord comp.
exact: closed_le (leaf _ _ _ r e) u1 hb on.
Qed.

(* both signs of one output are everything *)
Lemma signs_complete (nodes : nat -> node (I + Q) R) (o : O) z :
  (forall o', o' = o) ->
  (forall at_ cs, nodes at_ = Cases _ cs -> exists i j, cs = [:: (1, i); (-1, j)]) ->
  complete sign_case nodes z.
Proof.
move=> one two at_ cs /two [i [j ->]].
have [ge|/ltW le] := leP 0 (output z o).
  by exists 1, i; split; [left|split=> [|o']; rewrite ?expr1n // (one o') mul1r].
exists (-1), j; split; first by right; left.
by split=> [|o']; rewrite ?sqrrN ?expr1n // (one o') mulN1r oppr_ge0.
Qed.

(* one sign sg of v, one output: the value that counts *)
Theorem network_rule_sign (count : nat) (nodes : nat -> node (I + Q) R) (o : O) (sg : R) :
  sg ^+ 2 = 1 -> (forall o', o' = o) ->
  (forall at_ cs, nodes at_ = Cases _ cs -> exists i, cs = [:: (sg, i)]) ->
  0 <= reach -> (0 < count)%N -> orderly count nodes ->
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t -> closed path) ->
  forall z, size2 z.1 = 1 -> `|z.2| <= reach -> sg * output z o <= best.
Proof.
move=> s1 one signs reach0 pos ord leaf z u1 hb.
have [neg|/ltW ge] := leP (sg * output z o) 0; first exact: le_trans neg best0.
have comp : complete sign_case nodes z.
  move=> at_ cs /signs [i ->]; exists sg, i; split; first by left.
  by split=> // o'; rewrite (one o').
have := network_rule reach0 pos ord leaf u1 hb comp; rewrite (one_size2 _ one) => le.
by apply: root_le => //; rewrite exprMn s1 mul1r.
Qed.

(* the same where the steps `start` hold of z, which are first on every path (`net.inside`) *)
Theorem network_rule_inside (count : nat) (nodes : nat -> node (I + Q) R) (o : O) (sg : R) start :
  sg ^+ 2 = 1 -> (forall o', o' = o) ->
  (forall at_ cs, nodes at_ = Cases _ cs -> exists i, cs = [:: (sg, i)]) ->
  0 <= reach -> (0 < count)%N -> orderly count nodes ->
  (forall at_ path t, reached nodes at_ path -> nodes at_ = Leaf _ _ t -> closed (path ++ start)) ->
  forall z, on_path split_at sign_case z start -> size2 z.1 = 1 -> `|z.2| <= reach ->
  sg * output z o <= best.
Proof.
move=> s1 one signs reach0 pos ord leaf z on0 u1 hb.
have [neg|/ltW ge] := leP (sg * output z o) 0; first exact: le_trans neg best0.
have comp : complete sign_case nodes z.
  move=> at_ cs /signs [i ->]; exists sg, i; split; first by left.
  by split=> // o'; rewrite (one o').
have [at_ [path [t [r e on]]]] := tree_cover split_at pos ord comp.
have both : on_path split_at sign_case z (path ++ start).
  by elim: path {r} on => //= s rest ih [hs on]; split=> //; exact: ih.
have := closed_le reach0 (leaf _ _ _ r e) u1 hb both; rewrite (one_size2 _ one) => le.
by apply: root_le => //; rewrite exprMn s1 mul1r.
Qed.

End Rule.

(* <W, phi(u, v)>, phi(u, v) = pool(s(F u)) v^T *)
Section Paired.
Variables (R : realFieldType) (I D O S : finType) (f : I -> D -> R) (a : R).
Variables (sample : I -> S) (W : S -> O -> R).

Definition paired h (u : D -> R) (b : R) (v : O -> R) : R :=
  \sum_k \sum_o W k o * ((\sum_(i | sample i == k) act a (pre f h u b i)) * v o).

Lemma paired_output h u b v :
  paired h u b v = inner (output f h a (fun i o => W (sample i) o) (u, b)) v.
Proof. exact: pooled. Qed.

End Paired.

(* From |u| = 1, |b| <= reach to every u, to every b where it has no price, and to the pairing with
   v: <W, phi(u, v)> <= best |u| |v| where `right` is l2.  `outputs_of_ball` and `outputs_of_free`
   are about y = W^T pool(s(F u)) alone: `network_l1`, `network_linf` and `outputs_*` take it to
   the other norms of v. *)
Section Polar.
Variables (R : rcfType) (I D O S : finType) (f : I -> D -> R) (a reach best : R).
Variables (sample : I -> S) (W : S -> O -> R).
Hypotheses (reach0 : 0 <= reach) (best0 : 0 <= best).

Local Notation w := (fun i o => W (sample i) o).
Local Notation output h := (output f h a w).
Local Notation paired h := (paired f a sample W h).
Lemma outputs_of_ball h :
  (forall z, size2 z.1 = 1 -> `|z.2| <= reach -> size2 (output h z) <= best ^+ 2) ->
  forall u b, `|b| <= reach * Num.sqrt (size2 u) ->
  size2 (output h (u, b)) <= best ^+ 2 * size2 u.
Proof.
move=> at1 u b hb; pose g (u : D -> R) b := Num.sqrt (size2 (output h (u, b))).
have hom c x y : 0 <= c -> g (fun j => c * x j) (c * y) = c * g x y.
  move=> c0; rewrite /g (_ : size2 _ = c ^+ 2 * size2 (output h (x, y))).
    by rewrite sqrtrM ?sqr_ge0 // sqrtr_sqr ger0_norm.
  rewrite /size2 mulr_sumr; apply: eq_bigr => o _.
  by rewrite /NetworkRule.output value_homogeneous // exprMn.
have ext x y z : x =1 y -> g x z = g y z.
  move=> e; congr Num.sqrt; apply: eq_bigr => o _; congr (_ ^+ 2).
  apply: eq_bigr => i _; rewrite (_ : pre f h (x, z).1 (x, z).2 i = pre f h y z i) // /pre /=.
  by congr (_ + _); apply: eq_bigr => j _; rewrite e.
have one x y : size2 x = 1 -> `|y| <= reach -> g x y <= best.
  move=> x1 hy; rewrite /g -[best]ger0_norm // -sqrtr_sqr ler_wsqrtr //.
  exact: (at1 (x, y)).
have := unit_priced hom ext one hb; rewrite /g => le.
rewrite -[leLHS]sqr_sqrtr ?size2_ge0 // -[size2 u in leRHS]sqr_sqrtr ?size2_ge0 // -exprMn.
by rewrite lerXn2r ?nnegrE ?sqrtr_ge0 ?mulr_ge0 ?sqrtr_ge0.
Qed.

(* an unpriced bias: the last column of F is c, reach = max |f_i| / c, every sample has equally many
   rows and the columns of W sum to zero *)
Lemma outputs_of_free (c : R) (count : nat) :
  0 < c -> (forall i, size2 (f i) <= (c * reach) ^+ 2) ->
  (forall k, #|[pred i | sample i == k]| = count) -> (forall o, \sum_k W k o = 0) ->
  (forall z, size2 z.1 = 1 -> `|z.2| <= reach -> size2 (output (fun=> c) z) <= best ^+ 2) ->
  forall u b, size2 (output (fun=> c) (u, b)) <= best ^+ 2 * size2 u.
Proof.
move=> c0 far even w0 at1 u b.
have cr : 0 <= c * reach by rewrite mulr_ge0 // ltW.
have n0 := sqrtr_ge0 (size2 u).
have row i : `|\sum_j f i j * u j| <= c * reach * Num.sqrt (size2 u).
  by apply: far_row => //; rewrite sqr_sqrtr ?size2_ge0.
have [b' hb' same] := free_bias a b c0 (fun=> erefl) reach0 n0 row.
have := outputs_of_ball at1 hb'; rewrite {1}/size2.
under eq_bigr => o _ do rewrite /NetworkRule.output /= same ?(pooled_sum even (w0 o)) //.
by [].
Qed.

Lemma paired_le h u b v : size2 (output h (u, b)) <= best ^+ 2 * size2 u ->
  paired h u b v <= best * (Num.sqrt (size2 u) * Num.sqrt (size2 v)).
Proof.
move=> le; rewrite paired_output; apply: root_le; first by rewrite !mulr_ge0 ?sqrtr_ge0.
apply: le_trans (cauchy _ _) _; rewrite !exprMn !sqr_sqrtr ?size2_ge0 // mulrA.
by apply: ler_wpM2r; first exact: size2_ge0.
Qed.

(* no unpriced bias *)
Theorem network_polar :
  (forall z, size2 z.1 = 1 -> `|z.2| <= reach -> size2 (output (fun=> 0) z) <= best ^+ 2) ->
  forall u v, paired (fun=> 0) u 0 v <= best * (Num.sqrt (size2 u) * Num.sqrt (size2 v)).
Proof.
move=> at1 u v; apply: paired_le; apply: outputs_of_ball => //.
by rewrite normr0 mulr_ge0 ?sqrtr_ge0.
Qed.

Theorem network_polar_free (c : R) (count : nat) :
  0 < c -> (forall i, size2 (f i) <= (c * reach) ^+ 2) ->
  (forall k, #|[pred i | sample i == k]| = count) -> (forall o, \sum_k W k o = 0) ->
  (forall z, size2 z.1 = 1 -> `|z.2| <= reach -> size2 (output (fun=> c) z) <= best ^+ 2) ->
  forall u b v, paired (fun=> c) u b v <= best * (Num.sqrt (size2 u) * Num.sqrt (size2 v)).
Proof. by move=> c0 far even w0 at1 u b v; apply: paired_le; apply: outputs_of_free far even w0 at1 _ _. Qed.

End Polar.

(* `network_bound`, rule "outputs", and rule "network" for l1 and linf: P o bounds output o over the
   ball of u, by `outputs_of_ball` or `outputs_of_free` of that output alone. *)
Section EachOutput.
Variables (R : rcfType) (I D O S : finType) (f : I -> D -> R) (a : R).
Variables (sample : I -> S) (W : S -> O -> R) (h : I -> R) (P : O -> R).
Variables (u : D -> R) (b : R) (v : O -> R).

Local Notation y := (output f h a (fun i o => W (sample i) o) (u, b)).
Local Notation n := (Num.sqrt (size2 u)).
Hypotheses (P0 : forall o, 0 <= P o) (each : forall o, y o ^+ 2 <= P o ^+ 2 * size2 u).

Lemma each_norm o : `|y o| <= P o * n.
Proof.
rewrite -(@ler_pXn2r _ 2) ?nnegrE ?mulr_ge0 ?sqrtr_ge0 // real_normK ?num_real //.
by rewrite exprMn sqr_sqrtr ?size2_ge0.
Qed.

Lemma each_term o : y o * v o <= P o * n * `|v o|.
Proof. by apply: (@output_free _ _ y v (fun o => P o * n)); exact: each_norm. Qed.

Theorem outputs_rule_l2 bound : 0 <= bound -> size2 P <= bound ^+ 2 ->
  paired f a sample W h u b v <= bound * (n * Num.sqrt (size2 v)).
Proof.
move=> b0 hP; apply: paired_le => //; apply: le_trans (_ : _ <= size2 P * size2 u) _.
  by rewrite mulr_suml; apply: ler_sum.
by apply: ler_wpM2r; first exact: size2_ge0.
Qed.

Theorem outputs_rule_l1 bound : (forall o, P o <= bound) ->
  paired f a sample W h u b v <= bound * (n * \sum_o `|v o|).
Proof.
move=> hP; rewrite paired_output !mulr_sumr; apply: ler_sum => o _.
apply: le_trans (each_term o) _; rewrite mulrA; apply: ler_wpM2r => //.
by apply: ler_wpM2r; first exact: sqrtr_ge0.
Qed.

Theorem outputs_rule_linf m : (forall o, `|v o| <= m) ->
  paired f a sample W h u b v <= (\sum_o P o) * (n * m).
Proof.
move=> hv; rewrite paired_output mulr_suml; apply: ler_sum => o _.
apply: le_trans (each_term o) _; rewrite mulrA; apply: ler_wpM2l => //.
by rewrite mulr_ge0 ?sqrtr_ge0.
Qed.

End EachOutput.

(* The same where v has the one sign sg: the kernel bounds sg y_o alone, so nothing is known of the
   other side.  `network_rule_sign` says it at |u| = 1, |b| <= reach; here for every u. *)
Section EachSigned.
Variables (R : rcfType) (I D O S : finType) (f : I -> D -> R) (a : R).
Variables (sample : I -> S) (W : S -> O -> R) (h : I -> R) (P : O -> R) (sg : R).
Variables (u : D -> R) (b : R) (v : O -> R).
Local Notation y := (output f h a (fun i o => W (sample i) o) (u, b)).
Local Notation n := (Num.sqrt (size2 u)).
Hypotheses (sg2 : sg ^+ 2 = 1) (signed : forall o, 0 <= sg * v o).
Hypotheses (P0 : forall o, 0 <= P o) (each : forall o, sg * y o <= P o * n).

Lemma signed_term o : y o * v o <= P o * n * `|v o|.
Proof. exact: (@output_sign _ _ y v (fun o => P o * n) sg o sg2 (signed o) (each o)). Qed.

Theorem outputs_signed_l2 bound : 0 <= bound -> size2 P <= bound ^+ 2 ->
  paired f a sample W h u b v <= bound * (n * Num.sqrt (size2 v)).
Proof.
move=> bound0 hP; rewrite paired_output; have n0 : 0 <= n by exact: sqrtr_ge0.
apply: le_trans (ler_sum _ (fun o _ => signed_term o)) _.
have -> : \sum_o P o * n * `|v o| = n * inner P (fun o => `|v o|).
  by rewrite /inner mulr_sumr; apply: eq_bigr => o _; ring.
rewrite mulrCA; apply: ler_wpM2l => //; apply: root_le.
  by rewrite mulr_ge0 ?sqrtr_ge0.
apply: le_trans (cauchy _ _) _; rewrite exprMn sqr_sqrtr ?size2_ge0 //.
have -> : size2 (fun o => `|v o|) = size2 v by apply: eq_bigr => o _; rewrite real_normK ?num_real.
by apply: ler_wpM2r => //; exact: size2_ge0.
Qed.

Theorem outputs_signed_l1 bound : (forall o, P o <= bound) ->
  paired f a sample W h u b v <= bound * (n * \sum_o `|v o|).
Proof.
move=> hP; rewrite paired_output; have n0 : 0 <= n by exact: sqrtr_ge0.
apply: le_trans (ler_sum _ (fun o _ => signed_term o)) _.
rewrite mulrA mulr_sumr; apply: ler_sum => o _; apply: ler_wpM2r => //; exact: ler_wpM2r.
Qed.

Theorem outputs_signed_linf m : (forall o, `|v o| <= m) ->
  paired f a sample W h u b v <= (\sum_o P o) * (n * m).
Proof.
move=> hv; rewrite paired_output; have n0 : 0 <= n by exact: sqrtr_ge0.
apply: le_trans (ler_sum _ (fun o _ => signed_term o)) _.
rewrite mulr_suml; apply: ler_sum => o _; rewrite -mulrA; apply: ler_wpM2l => //.
exact: ler_wpM2l.
Qed.

End EachSigned.

(* `of_linear`: slope 1 and no unpriced bias is the matrix F^T W, its rows pooled, for the same two
   norms (`good` are the pairs (u, v) that count, the unit balls with their signs) *)
Theorem linear_rule (R : realFieldType) (I D O S : finType) (f : I -> D -> R) (sample : I -> S)
    (W : S -> O -> R) (good : (D -> R) -> (O -> R) -> Prop) (bound : R) :
  (forall u v, good u v ->
     \sum_j \sum_o (\sum_i f i j * W (sample i) o) * (u j * v o) <= bound) ->
  forall u v, good u v -> paired f 1 sample W (fun=> 0) u 0 v <= bound.
Proof.
move=> h u v g; rewrite paired_output; apply: le_trans (h u v g).
by rewrite -(linear_pairing f (fun i o => W (sample i) o)).
Qed.
