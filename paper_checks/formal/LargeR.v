(* Many slices: no more than card(D) are needed, and from 2 card(D) on a path that never rises
   leads from every point to a global minimum. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum matrix vector.
From mathcomp Require Import boolp.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality LocalMinima FlatPath.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Weights.
Variables (R : realFieldType) (V : vectType R) (S : Type) (K : cone R S) (pw : R -> R).
Variables (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Variables (Q : Type) (l : V -> Q -> R) (H : Q -> R) (lam : R).
Hypothesis lam_ge0 : 0 <= lam.

Local Notation f := (objective phi theta l H lam).

(* a root of each t >= 0 *)
Lemma root_exists : exists root : R -> R, forall t, 0 <= t -> 0 <= root t /\ pw (root t) = t.
Proof.
suff /choice [root h] : forall t, exists a, 0 <= t -> 0 <= a /\ pw a = t by exists root.
move=> t; have [t0|_] := boolP (0 <= t); last by exists 0.
by have [a a0 ea] := pw_onto (hom_degree hom) t0; exists a.
Qed.

Variable root : R -> R.
Hypothesis rootP : forall t, 0 <= t -> 0 <= root t /\ pw (root t) = t.

Lemma pw_injective a b : 0 <= a -> 0 <= b -> pw a = pw b -> a = b.
Proof.
move=> a0 b0 e; apply/eqP; rewrite eq_le !leNgt; apply/andP; split; apply/negP => lt.
  by have := pw_lt (hom_degree hom) b0 lt; rewrite e ltxx.
by have := pw_lt (hom_degree hom) a0 lt; rewrite e ltxx.
Qed.

Lemma root1 : root 1 = 1.
Proof.
have [a0 ea] := rootP ler01.
by apply: pw_injective; rewrite ?ea ?(pw1 (hom_degree hom)).
Qed.

Lemma root0 : root 0 = 0.
Proof.
have [a0 ea] := rootP (lexx 0).
by apply: pw_injective; rewrite ?ea ?(pw0 (hom_degree hom)).
Qed.

(* slices z with weights a >= 0: slice i is a_i^(1/p) z_i *)
Definition weigh r (z : 'I_r -> S) (a : 'I_r -> R) i := act K (root (a i)) (z i).

Lemma weigh_one r (z : 'I_r -> S) i : weigh z (fun=> 1) i = z i.
Proof. by rewrite /weigh root1 act1. Qed.

Lemma weigh_zero r (z : 'I_r -> S) a i : a i = 0 -> weigh z a i = zero K.
Proof. by rewrite /weigh => ->; rewrite root0 act0. Qed.

Lemma fit_weigh r (z : 'I_r -> S) a : (forall i, 0 <= a i) ->
  fit phi (codom (weigh z a)) = \sum_i a i *: phi (z i).
Proof.
move=> a0; rewrite fit_family; apply: eq_bigr => i _.
by have [b0 eb] := rootP (a0 i); rewrite (hom_phi hom) // eb.
Qed.

Lemma price_weigh r (z : 'I_r -> S) a : (forall i, 0 <= a i) ->
  price theta (codom (weigh z a)) = \sum_i a i * theta (z i).
Proof.
move=> a0; rewrite price_family; apply: eq_bigr => i _.
by have [b0 eb] := rootP (a0 i); rewrite (hom_theta hom) // eb.
Qed.

(* the root is continuous *)
Lemma root_continuous t e : 0 <= t -> 0 < e ->
  exists2 d, 0 < d & forall s, 0 <= s -> `|s - t| < d -> `|root s - root t| < e.
Proof.
move=> t0 e0; have [b0 eb] := rootP t0; set b := root t in b0 eb *.
have up : t < pw (b + e) by rewrite -eb (pw_lt (hom_degree hom)) // ltrDl.
have [be|be] := ltP b e.
  (* below: nothing to keep away from *)
  exists (pw (b + e) - t) => [|s s0]; first by rewrite subr_gt0.
  move=> /ltr_normlP[_ su]; have [a0 ea] := rootP s0.
  have lt : root s < b + e by apply: (pw_inv (hom_degree hom)); rewrite ?ea ?addr_ge0 ?(ltW e0) //; lra.
  by rewrite ltr_norml; apply/andP; split; lra.
have be0 : 0 <= b - e by rewrite subr_ge0.
have down : pw (b - e) < t by rewrite -eb (pw_lt (hom_degree hom)) // ltrBlDr ltrDl.
exists (Num.min (pw (b + e) - t) (t - pw (b - e))) => [|s s0].
  by rewrite lt_min !subr_gt0 up.
rewrite lt_min => /andP[/ltr_normlP[_ s1] /ltr_normlP[s2 _]]; have [a0 ea] := rootP s0.
have lt1 : root s < b + e by apply: (pw_inv (hom_degree hom)); rewrite ?ea ?addr_ge0 ?(ltW e0) //; lra.
have lt2 : b - e < root s by apply: (pw_inv (hom_degree hom)); rewrite ?ea //; lra.
by rewrite ltr_norml; apply/andP; split; lra.
Qed.

Section Paths.
Variables (r : nat) (q : Q).
Implicit Types (x y z : 'I_r -> S) (a b : 'I_r -> R).

(* a continuous path from x to y on which f never rises *)
Definition descent x y := exists c : R -> 'I_r -> S,
  [/\ forall i, c 0 i = x i, forall i, c 1 i = y i,
      forall t e, 0 <= t <= 1 -> 0 < e -> exists2 d, 0 < d & forall s, 0 <= s <= 1 -> `|s - t| < d ->
        forall i, dist K (c s i) (c t i) < e
    & forall s t, 0 <= s -> s <= t -> t <= 1 -> f (codom (c t)) q <= f (codom (c s)) q].

(* several of them, one after the other *)
Inductive descends x y : Prop :=
  | Here of (forall i, x i = y i)
  | Then z of descent x z & descends z y.

Lemma descends_trans x y z : descends x y -> descends y z -> descends x z.
Proof.
elim=> {x y} [x y e h | x y u xu _ ih h]; last by apply: Then xu (ih h).
by have -> : x = y by apply/funext.
Qed.

Definition mix a b t i : R := (1 - t) * a i + t * b i.

Lemma mix_ge0 a b t i : (forall i, 0 <= a i) -> (forall i, 0 <= b i) -> 0 <= t <= 1 -> 0 <= mix a b t i.
Proof.
move=> a0 b0 /andP[t0 t1]; rewrite /mix addr_ge0 // mulr_ge0 ?subr_ge0 //.
Qed.

(* moving the weights in a straight line is continuous *)
Lemma line_continuous z a b : (forall i, 0 <= a i) -> (forall i, 0 <= b i) ->
  forall t e, 0 <= t <= 1 -> 0 < e -> exists2 d, 0 < d & forall s, 0 <= s <= 1 -> `|s - t| < d ->
    forall i, dist K (weigh z (mix a b s) i) (weigh z (mix a b t) i) < e.
Proof.
move=> a0 b0 t e t01 e0; have step i : exists d, 0 < d /\ forall s, 0 <= s <= 1 -> `|s - t| < d ->
    dist K (weigh z (mix a b s) i) (weigh z (mix a b t) i) < e.
  have pos : 0 < e / (1 + len K (z i)) by rewrite divr_gt0 ?len1_gt0.
  have [d d0 near] := root_continuous (mix_ge0 i a0 b0 t01) pos.
  have c0 : 0 < 1 + `|b i - a i| by rewrite ltr_wpDr.
  exists (d / (1 + `|b i - a i|)); split=> [|s s01]; first by rewrite divr_gt0.
  rewrite ltr_pdivlMr // => small; apply: near_act => //.
  - by have [] := rootP (mix_ge0 i a0 b0 s01).
  - by have [] := rootP (mix_ge0 i a0 b0 t01).
  apply: near (mix_ge0 i a0 b0 s01) _; apply: le_lt_trans small.
  have -> : mix a b s i - mix a b t i = (s - t) * (b i - a i) by rewrite /mix; ring.
  by rewrite normrM ler_wpM2l // lerDr.
have [d hd] := fin_all_exists step.
have [m m0 hm] := common_bound (fun i => proj1 (hd i)).
by exists m => // s s01 sm i; apply: (hd i).2 => //; apply: lt_le_trans (hm i).
Qed.

Lemma weigh_mix0 z a b i : weigh z (mix a b 0) i = weigh z a i.
Proof. by rewrite /weigh /mix subr0 mul1r mul0r addr0. Qed.

Lemma weigh_mix1 z a b i : weigh z (mix a b 1) i = weigh z b i.
Proof. by rewrite /weigh /mix subrr mul1r mul0r add0r. Qed.

Lemma line_descent z a b : (forall i, 0 <= a i) -> (forall i, 0 <= b i) ->
  (forall s t, 0 <= s -> s <= t -> t <= 1 ->
     f (codom (weigh z (mix a b t))) q <= f (codom (weigh z (mix a b s))) q) ->
  descent (weigh z a) (weigh z b).
Proof.
move=> a0 b0 mono; exists (fun t => weigh z (mix a b t)); split=> //.
- exact: weigh_mix0.
- exact: weigh_mix1.
- exact: line_continuous.
Qed.

(* sum phi kept, price not raised: f never rises *)
Lemma price_descent z a b : (forall i, 0 <= a i) -> (forall i, 0 <= b i) ->
  \sum_i a i *: phi (z i) = \sum_i b i *: phi (z i) ->
  \sum_i b i * theta (z i) <= \sum_i a i * theta (z i) -> descent (weigh z a) (weigh z b).
Proof.
move=> a0 b0 same less; apply: line_descent => // s t s0 st t1.
have fit_mix u : 0 <= u <= 1 -> fit phi (codom (weigh z (mix a b u))) = \sum_i a i *: phi (z i).
  move=> u01; rewrite fit_weigh => [|i]; last exact: mix_ge0.
  under eq_bigr do rewrite /mix scalerDl -!scalerA.
  by rewrite big_split /= -!scaler_sumr -same -scalerDl subrK scale1r.
have price_mix u : 0 <= u <= 1 -> price theta (codom (weigh z (mix a b u)))
    = (1 - u) * (\sum_i a i * theta (z i)) + u * (\sum_i b i * theta (z i)).
  move=> u01; rewrite price_weigh => [|i]; last exact: mix_ge0.
  under eq_bigr do rewrite /mix mulrDl -!mulrA.
  by rewrite big_split /= -!mulr_sumr.
have hs : 0 <= s <= 1 by rewrite s0 (le_trans st).
have ht : 0 <= t <= 1 by rewrite (le_trans s0 st).
rewrite /objective !fit_mix // !price_mix //.
move: less; set A := \sum_i a i * _; set B := \sum_i b i * _ => less.
have : (1 - t) * A + t * B <= (1 - s) * A + s * B by nra.
by move=> h; have := ler_wpM2l lam_ge0 h; lra.
Qed.

(* f is convex in the weights *)
Lemma convex_weights z a b t : (forall i, 0 <= a i) -> (forall i, 0 <= b i) -> 0 <= t <= 1 ->
  (forall Y Z u, 0 <= u <= 1 -> l ((1 - u) *: Y + u *: Z) q <= (1 - u) * l Y q + u * l Z q) ->
  f (codom (weigh z (mix a b t))) q
    <= (1 - t) * f (codom (weigh z a)) q + t * f (codom (weigh z b)) q.
Proof.
move=> a0 b0 t01 conv; have m0 i := mix_ge0 i a0 b0 t01.
rewrite /objective !fit_weigh // !price_weigh //.
have -> : \sum_i mix a b t i *: phi (z i)
    = (1 - t) *: (\sum_i a i *: phi (z i)) + t *: (\sum_i b i *: phi (z i)).
  under eq_bigr do rewrite /mix scalerDl -!scalerA.
  by rewrite big_split /= -!scaler_sumr.
have -> : \sum_i mix a b t i * theta (z i)
    = (1 - t) * (\sum_i a i * theta (z i)) + t * (\sum_i b i * theta (z i)).
  under eq_bigr do rewrite /mix mulrDl -!mulrA.
  by rewrite big_split /= -!mulr_sumr.
by have := conv (\sum_i a i *: phi (z i)) (\sum_i b i *: phi (z i)) t t01; lra.
Qed.

(* the straight line to a minimum never rises *)
Lemma minimum_descent z a b : (forall i, 0 <= a i) -> (forall i, 0 <= b i) ->
  (forall Y Z u, 0 <= u <= 1 -> l ((1 - u) *: Y + u *: Z) q <= (1 - u) * l Y q + u * l Z q) ->
  (forall xs, f (codom (weigh z b)) q <= f xs q) -> descent (weigh z a) (weigh z b).
Proof.
move=> a0 b0 conv least; apply: line_descent => // s t s0 st t1.
have [s1|s1] := ltP s 1; last first.
  by have -> : t = s by apply/eqP; rewrite eq_le st (le_trans t1 s1).
have gap : 0 < 1 - s by rewrite subr_gt0.
pose u := (t - s) / (1 - s).
have u01 : 0 <= u <= 1.
  by rewrite divr_ge0 ?(ltW gap) ?subr_ge0 //= ler_pdivrMr // mul1r lerD2r.
have -> : mix a b t = mix (mix a b s) b u.
  apply/funext => i; have e : u * (1 - s) = t - s by rewrite divfK // gt_eqF.
  rewrite /mix; have -> : t = s + u * (1 - s) by rewrite e addrC subrK.
  by ring.
have s01 : 0 <= s <= 1 by rewrite s0 ltW.
have := convex_weights z (fun i => mix_ge0 i a0 b0 s01) b0 u01 conv.
have := least (codom (weigh z (mix a b s))); move/andP: u01 => [u0 _].
by move: (f _ _) (f _ _) (f _ _) => A B C; nra.
Qed.

End Paths.

(* a dependence among the slices of positive weight *)
Lemma dependence_in r (z : 'I_r -> S) (A : {set 'I_r}) : (dim V < #|A|)%N ->
  exists beta : 'I_r -> R, [/\ \sum_i beta i *: phi (z i) = 0,
    forall i, i \notin A -> beta i = 0 & exists i, beta i != 0].
Proof.
move=> big; have [c zero_sum [j0 nz]] := dependence phi (fun j => z (@enum_val _ (mem A) j)) big.
exists (fun i => \sum_(j | @enum_val _ (mem A) j == i) c j); split.
- rewrite -[RHS]zero_sum (partition_big (@enum_val _ (mem A)) predT) //=.
  apply: eq_bigr => i _; rewrite scaler_suml; apply: eq_bigr => j /eqP e.
  by rewrite -e.
- move=> i out; apply: big1 => j /eqP e; have := enum_valP j; rewrite e => inA.
  by rewrite inA in out.
- exists (enum_val j0); rewrite (big_pred1 j0) // => j /=.
  by rewrite (inj_eq enum_val_inj).
Qed.

Definition support r (a : 'I_r -> R) : {set 'I_r} := [set i | a i != 0].

(* one slice less, sum phi kept, the price not raised *)
Lemma reduce_step r (z : 'I_r -> S) a : (forall i, 0 <= a i) -> (dim V < #|support a|)%N ->
  exists b, [/\ forall i, 0 <= b i, support b \proper support a,
    \sum_i a i *: phi (z i) = \sum_i b i *: phi (z i)
    & \sum_i b i * theta (z i) <= \sum_i a i * theta (z i)].
Proof.
move=> a0 big.
suff [beta [zero_sum out cost [i0 neg]]] : exists beta : 'I_r -> R,
    [/\ \sum_i beta i *: phi (z i) = 0, forall i, i \notin support a -> beta i = 0,
        \sum_i beta i * theta (z i) <= 0 & exists i, beta i < 0].
  have pos i : i \in support a -> 0 < a i by rewrite inE => nz; rewrite lt_def nz a0.
  have in_a i : beta i != 0 -> i \in support a by move=> nz; apply: contraNT nz => /out ->.
  have i0a : i0 \in support a by rewrite in_a // lt_eqF.
  have [g [i [g0 ge0 gi]]] := @first_zero _ _ (fun j => beta j / a j) i0
    (ltac:(by rewrite pmulr_llt0 ?invr_gt0 ?pos)).
  have ai : i \in support a.
    apply: in_a; apply: contraTneq (oner_neq0 R) => e.
    by move/eqP: gi; rewrite e mul0r mulr0 addr0 => /eqP ->; rewrite eqxx.
  have e j : a j * (1 + g * (beta j / a j)) = a j + g * beta j.
    have [ja|/out ->] := boolP (j \in support a); last by rewrite mul0r !mulr0 !addr0 mulr1.
    by field; rewrite gt_eqF // pos.
  exists (fun j => a j + g * beta j); split=> [j|||].
  - by rewrite -e mulr_ge0.
  - apply/properP; split.
      apply/subsetP => j; rewrite !inE; apply: contraNneq => aj.
      by rewrite -e aj mul0r.
    by exists i; rewrite // inE negbK -e gi mulr0.
  - under [RHS]eq_bigr do rewrite scalerDl -scalerA.
    by rewrite big_split /= -scaler_sumr zero_sum scaler0 addr0.
  - under eq_bigr do rewrite mulrDl -mulrA.
    by rewrite big_split /= -mulr_sumr gerDl; nra.
have [c [zero_sum out [i nz]]] := dependence_in z big.
have flip : \sum_i - c i *: phi (z i) = 0.
  by under eq_bigr do rewrite scaleNr; rewrite sumrN zero_sum oppr0.
have flip_out j : j \notin support a -> - c j = 0 by move=> /out ->; rewrite oppr0.
have cost_flip : \sum_i - c i * theta (z i) = - \sum_i c i * theta (z i).
  by under eq_bigr do rewrite mulNr; rewrite sumrN.
have none (d : 'I_r -> R) : (forall j, 0 <= d j) -> 0 <= \sum_j d j * theta (z j).
  by move=> d0; apply: sumr_ge0 => j _; rewrite mulr_ge0 // (hom_ge0 hom).
have [/existsP [j neg]|/existsPn pos] := boolP [exists j, c j < 0].
  have [le|gt] := leP (\sum_i c i * theta (z i)) 0; first by exists c; split=> //; exists j.
  have [/existsP [k kpos]|/existsPn all_neg] := boolP [exists k, 0 < c k].
    by exists (fun i => - c i); split=> //; [rewrite cost_flip oppr_le0 ltW | exists k; rewrite oppr_lt0].
  have := none (fun i => - c i); rewrite cost_flip oppr_ge0 leNgt gt /= => h.
  by suff : false by []; apply: h => k; rewrite oppr_ge0 leNgt all_neg.
exists (fun i => - c i); split=> //; first by rewrite cost_flip oppr_le0 none // => j; rewrite leNgt pos.
by exists i; rewrite oppr_lt0 lt_def nz leNgt pos.
Qed.

Lemma reduce r (z : 'I_r -> S) a : (forall i, 0 <= a i) ->
  exists b, [/\ forall i, 0 <= b i, (#|support b| <= dim V)%N,
    \sum_i a i *: phi (z i) = \sum_i b i *: phi (z i)
    & \sum_i b i * theta (z i) <= \sum_i a i * theta (z i)].
Proof.
have [k] := ubnP #|support a|; elim: k a => // k ih a le a0.
have [small|big] := leqP #|support a| (dim V); first by exists a.
have [b [b0 proper same less]] := reduce_step z a0 big.
have lt : (#|support b| < k)%N by apply: leq_trans (proper_card proper) _; rewrite -ltnS.
have [c [c0 small same' less']] := ih b lt b0.
by exists c; split; rewrite ?same // (le_trans less').
Qed.

Lemma few_slices_by xs : exists m (y : 'I_m -> S), [/\ (m <= dim V)%N,
  fit phi (codom y) = fit phi xs & price theta (codom y) <= price theta xs].
Proof.
pose z i := tnth (in_tuple xs) i.
have [b [b0 small same less]] := @reduce _ z (fun=> 1) (fun=> ler01).
have e (M : zmodType) (g : S -> M) : \sum_(x <- xs) g x = \sum_i g (z i) by rewrite big_tnth.
exists #|support b|, (fun j => weigh z b (@enum_val _ (mem (support b)) j)); split=> //.
  rewrite fit_family -(big_enum_val (fun i => phi (weigh z b i))) /=.
  rewrite /fit e -[RHS]/(\sum_i phi (z i)); under [RHS]eq_bigr do rewrite -[phi _]scale1r.
  rewrite same [RHS](bigID (mem (support b))) /= [X in _ = _ + X]big1 ?addr0 => [|i].
    apply: eq_bigr => i _; have [c0 ec] := rootP (b0 i).
    by rewrite (hom_phi hom) // ec.
  by rewrite inE negbK => /eqP ->; rewrite scale0r.
rewrite price_family -(big_enum_val (fun i => theta (weigh z b i))) /=.
rewrite /price e; under [leRHS]eq_bigr do rewrite -[theta _]mul1r.
apply: le_trans less; rewrite [leRHS](bigID (mem (support b))) /= [X in _ <= _ + X]big1 ?addr0 => [|i].
  apply: ler_sum => i _; have [c0 ec] := rootP (b0 i).
  by rewrite (hom_theta hom) // ec.
by rewrite inE negbK => /eqP ->; rewrite mul0r.
Qed.

(* slices y placed where x has none *)
Lemma place_beside r (x : 'I_r -> S) a m (y : 'I_m -> S) : (forall i, 0 <= a i) ->
  (#|support a| + m <= r)%N -> exists (z : 'I_r -> S) b, [/\ forall i, 0 <= b i,
    weigh z a = weigh x a, \sum_i b i *: phi (z i) = \sum_j phi (y j)
    & \sum_i b i * theta (z i) = \sum_j theta (y j)].
Proof.
move=> a0 room; have free : (m <= #|~: support a|)%N.
  by rewrite cardsCs setCK card_ord leq_subRL // (leq_trans (leq_addr _ _) room).
pose h (j : 'I_m) : 'I_r := @enum_val _ (mem (~: support a)) (widen_ord free j).
have h_inj : injective h by move=> j k /enum_val_inj /(congr1 val) /= e; apply: val_inj.
pose z i := if [pick j | h j == i] is Some j then y j else x i.
pose b i : R := ([pick j | h j == i] : bool)%:R.
have zh j : z (h j) = y j.
  by rewrite /z; case: pickP => [k /eqP /h_inj -> // | /(_ j)]; rewrite eqxx.
have gather (M : lmodType R) (g : S -> M) : \sum_i b i *: g (z i) = \sum_j g (y j).
  rewrite (partition_big h predT) //=; apply: eq_bigr => i _.
  rewrite /b; case: pickP => [j /eqP e|none]; last by rewrite scale0r big_pred0.
  rewrite scale1r (big_pred1 j) => [|k]; first by rewrite -e zh.
  by rewrite /= -e (inj_eq h_inj).
exists z, b; split=> [i | | | ]; first by rewrite /b ler0n.
- apply/funext => i; have [ai|] := boolP (i \in support a); last first.
    by rewrite inE negbK => /eqP ai; rewrite !weigh_zero.
  rewrite /weigh /z; case: pickP => // j /eqP e.
  by have := enum_valP (widen_ord free j); rewrite -/(h j) e inE ai.
- exact: gather.
- exact: (gather R^o theta).
Qed.

End Weights.

Section LargeR.
Variables (R : realFieldType) (V : vectType R) (S : Type) (K : cone R S) (pw : R -> R).
Variables (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Variables (Q : Type) (l : V -> Q -> R) (H : Q -> R) (lam : R).
Hypothesis lam_ge0 : 0 <= lam.

Local Notation f := (objective phi theta l H lam).

(* Carathéodory: card(D) slices give the same sum at no higher price *)
Theorem few_slices xs : exists m (y : 'I_m -> S), [/\ (m <= dim V)%N,
  fit phi (codom y) = fit phi xs & price theta (codom y) <= price theta xs].
Proof. by have [root rootP] := root_exists hom; exact: (few_slices_by hom rootP). Qed.

(* Large r, from 2 card(D) on: from every point a path on which f never rises leads to a point as
   good as any global minimum, at the Q where both are. *)
Theorem large_r_double r (x : 'I_r -> S) q ys : (2 * dim V <= r)%N ->
  (forall Y Z u, 0 <= u <= 1 -> l ((1 - u) *: Y + u *: Z) q <= (1 - u) * l Y q + u * l Z q) ->
  (forall xs, f ys q <= f xs q) ->
  exists2 y : 'I_r -> S, descends K phi theta l H lam q x y & f (codom y) q = f ys q.
Proof.
move=> big conv least; have [root rootP] := root_exists hom.
have [a [a0 few same less]] := reduce hom x (a := fun=> 1) (fun=> ler01).
have [m [y [my fit_y price_y]]] := few_slices ys.
have room : (#|support a| + m <= r)%N by rewrite (leq_trans _ big) // mul2n -addnn leq_add.
have [z [b [b0 za fit_b price_b]]] := place_beside hom rootP x y a0 room.
have value : f (codom (weigh K root z b)) q = f ys q.
  apply/eqP; rewrite eq_le least andbT /objective (fit_weigh hom rootP) //.
  rewrite (price_weigh hom rootP) // fit_b price_b -fit_family -price_family fit_y.
  by have := ler_wpM2l lam_ge0 price_y; lra.
exists (weigh K root z b) => //.
have start : x = weigh K root x (fun=> 1) by apply/funext => i; rewrite (weigh_one hom rootP).
rewrite [X in descends _ _ _ _ _ _ _ X]start; apply: (Then (z := weigh K root x a)).
  exact: (price_descent hom l H lam_ge0 rootP q (fun=> ler01) a0 same less).
apply: (Then (z := weigh K root z b)); last by apply: Here.
by rewrite -za; apply: (minimum_descent hom rootP) => // xs; rewrite value.
Qed.

End LargeR.

(* Flat path, all of it: X(t), 0 <= t <= 1, is continuous, sum phi and f stay, a slice of X(1) is
   zero. *)
Section Flat.
Variables (R : realFieldType) (V : vectType R) (Q : lmodType R) (S : Type) (K : cone R S).
Variables (pw : R -> R) (phi : S -> V) (theta : S -> R) (hom : homogeneous K pw phi theta).
Variables (l : V -> Q -> R) (H : Q -> R) (lam : R) (size_of : Q -> R).
Hypothesis size_of_scale : forall t q, size_of (t *: q) = `|t| * size_of q.
Hypothesis lam_gt0 : 0 < lam.

Local Notation f := (objective phi theta l H lam).

Theorem flat_path_continuous r (x : 'I_r -> S) (beta : 'I_r -> R) q :
  \sum_i beta i *: phi (x i) = 0 -> (exists i, beta i != 0) ->
  local_minimum K phi theta l H lam size_of x q ->
  exists c : R -> 'I_r -> S,
  [/\ forall i, c 0 i = x i,
      forall t e, 0 <= t <= 1 -> 0 < e -> exists2 d, 0 < d & forall s, 0 <= s <= 1 -> `|s - t| < d ->
        forall i, dist K (c s i) (c t i) < e,
      forall t, 0 <= t <= 1 -> fit phi (codom (c t)) = fit phi (codom x)
        /\ f (codom (c t)) q = f (codom x) q
    & exists i, c 1 i = zero K].
Proof.
move=> dep nz minimal; have [root rootP] := root_exists hom.
have [g [_ stays [y [i [ony yi]]]]] := flat_path hom size_of_scale lam_gt0 dep minimal nz.
have b0 j : 0 <= 1 + g * beta j.
  by have [a [a0 ea _]] := ony j; rewrite -ea; apply: (pw_ge0 (hom_degree hom)).
pose b j := 1 + g * beta j; pose c t := weigh K root x (mix (fun=> 1) b t); exists c.
have one0 (j : 'I_r) : (0 : R) <= 1 by exact: ler01.
split=> [j | | t t01 |].
- by rewrite /c weigh_mix0 (weigh_one hom rootP).
- exact: (line_continuous hom rootP x one0 b0).
- apply: (stays t) => j; have m0 := mix_ge0 j one0 b0 t01; have [a0 ea] := rootP _ m0.
  by exists (root (mix (fun=> 1) b t j)); split=> //; rewrite ea /mix /b; ring.
exists i; rewrite /c weigh_mix1 -yi; have [a [a0 ea ->]] := ony i.
have [r0 er] := rootP _ (b0 i); rewrite /weigh; congr (act K _ _).
by apply: (pw_injective hom) => //; rewrite er ea.
Qed.

End Flat.
