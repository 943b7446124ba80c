(* `conic`: a tree of cases whose leaves are quadratic forms bounded on a cone.

   Everything is about qf A z = z^T A z over a set D of points; below, A = [[0, W], [W^T, 0]] at
   (u, v), or the symmetric part of W at x, or either after `boxed`.  D holds extreme points only
   where the rule uses that a maximizer is one (`reduces`). *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms Lines.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Trees.
Variables (R : realFieldType) (k : nat).
Implicit Types (z : 'cV[R]_k) (P t : R).

(* `Leaf`: rows that are nonnegative (signed coordinates, boxes' rows, then cuts) and for each
   coordinate its class and sign: z_i = sign * z_class. *)
Record path := Path { rows : seq 'rV[R]_k; cls : 'I_k -> 'I_k * R }.

Definition at_ (a : 'rV[R]_k) z : R := (a *m z) 0 0.

Definition on p z :=
  (forall a, a \in rows p -> 0 <= at_ a z) /\
  (forall i, z i 0 = (cls p i).2 * z (cls p i).1 0).

(* A class is named by a coordinate of its own; signs are 0, 1 or -1. *)
Definition wf p := forall i,
  (cls p (cls p i).1).1 = (cls p i).1 /\ ((cls p i).2 = 0 \/ (cls p i).2 * (cls p i).2 = 1).

(* `Leaf.heads`: the y of the leaf has an entry for each; here the others are 0 *)
Definition head p i := ((cls p i).1 == i) && ((cls p i).2 != 0).

Definition heads p z : 'cV[R]_k := \col_i if head p i then z i 0 else 0.

(* `restricted`: z = M y *)
Definition merged p : 'M[R]_k := \matrix_(i, j) if (cls p i).1 == j then (cls p i).2 else 0.

Lemma mergedE p z : wf p -> on p z -> merged p *m heads p z = z.
Proof.
move=> w [_ hz]; apply/colP => i; rewrite mxE (bigD1 (cls p i).1) //= !mxE eqxx big1 => [|j ne].
  rewrite addr0 /head; have [-> _] := w i; rewrite eqxx /= [RHS](hz i).
  have [z0|//] := eqVneq (cls p (cls p i).1).2 0.
  by rewrite (hz (cls p i).1) z0 mul0r !mulr0.
by rewrite mxE eq_sym (negPf ne) mul0r.
Qed.

(* `nonnegative_part`: N >= 0 on the products of two rows *)
Definition stack p : 'M[R]_(size (rows p), k) := \matrix_(e, j) (nth 0 (rows p) e) 0 j.

Definition table p (N : nat -> nat -> R) : 'M[R]_(size (rows p)) := \matrix_(a, b) N a b.

Lemma stack_ge0 p N z : (forall a b, 0 <= N a b) -> on p z ->
  0 <= qf ((stack p)^T *m table p N *m stack p) z.
Proof.
move=> N0 [hr _]; rewrite qf_congr qf_sum.
have b0 e : 0 <= (stack p *m z) e 0.
  have := hr (nth 0 (rows p) e) (mem_nth 0 (ltn_ord e)).
  by rewrite /at_ !mxE; under [X in _ -> _ <= X]eq_bigr do rewrite mxE.
apply: sumr_ge0 => a _; apply: sumr_ge0 => b _.
by rewrite mxE !mulr_ge0.
Qed.

(* a leaf's witness: N, the form Q = Diag(D) + A^T S A, and the number t proved of G *)
Record leaf := MkLeaf { leafN : nat -> nat -> R; leafQ : 'M[R]_k; leaft : R }.

Variables (A : 'M[R]_k) (D : 'cV[R]_k -> Prop).

(* G = M^T (A + B^T N B) M - Q <= t I on the heads, and Q and t |y|^2 cost at most P on D *)
Definition leaf_ok l p P :=
  [/\ forall a b, 0 <= leafN l a b,
      forall z, let y := heads p z in
        qf ((merged p)^T *m (A + (stack p)^T *m table p (leafN l) *m stack p) *m merged p
            - leafQ l) y <= leaft l * sq y
    & forall z, D z -> on p z ->
        qf (leafQ l) (heads p z) + Num.max (leaft l) 0 * sq (heads p z) <= P].

(* `leaf_bound` *)
Theorem leaf_bound l p P z : wf p -> leaf_ok l p P -> D z -> on p z -> qf A z <= P.
Proof.
move=> w [N0 hG hc] Dz oz; apply: le_trans (hc z Dz oz).
have := hG z; rewrite /= qfB qf_congr mergedE // qfD.
have := stack_ge0 N0 oz.
have : leaft l * sq (heads p z) <= Num.max (leaft l) 0 * sq (heads p z).
  by rewrite ler_wpM2r ?sq_ge0 // le_max lexx.
lra.
Qed.

Inductive tree :=
  | Leaf of leaf
  | Cut of 'rV[R]_k & tree & tree
  | Equal of 'I_k & 'I_k & tree & tree
  | Groups (K : nat) of ('I_k -> option 'I_K) & ('I_K -> tree).

(* `narrowed` by a cut, by z_p = side z_q; `parted` by groups *)
Definition cut a p := Path (rcons (rows p) a) (cls p).

Definition equated side p q l :=
  let: (a, s) := cls l p in let: (b, t) := cls l q in
  let low := if (a < b)%N then a else b in let high := if (a < b)%N then b else a in
  Path (rows l)
    (fun i => if (cls l i).1 == high then (low, (cls l i).2 * (side * s * t)) else cls l i).

Definition alone K (g : 'I_k -> option 'I_K) j p :=
  Path (rows p) (fun i => if g i is Some j' then if j' == j then cls p i else (i, 0) else cls p i).

(* coordinates that are 1 or -1 in D: free ones under linf (`vertex_side`) *)
Variable vertex : pred 'I_k.

Definition grouped K (g : 'I_k -> option 'I_K) :=
  forall z, D z -> exists j, forall i, (if g i is Some j' then j' != j else false) -> z i 0 = 0.

(* the walk of `conic` *)
Fixpoint tree_ok T p P : Prop := match T with
  | Leaf l => leaf_ok l p P
  | Cut a T1 T2 => tree_ok T1 (cut a p) P /\ tree_ok T2 (cut (- a) p) P
  | Equal x y T1 T2 =>
      [/\ vertex x && vertex y, (cls p x).1 != (cls p y).1,
          ((cls p x).2 != 0) && ((cls p y).2 != 0),
          tree_ok T1 (equated 1 x y p) P & tree_ok T2 (equated (-1) x y p) P]
  | Groups K g each => grouped g /\ forall j, tree_ok (each j) (alone g j p) P
  end.

Hypothesis corners : forall z i, D z -> vertex i -> z i 0 = 1 \/ z i 0 = - 1.

Lemma on_cut a p z : on p z -> 0 <= at_ a z -> on (cut a p) z.
Proof.
by case=> hr hc ha; split=> // b; rewrite mem_rcons inE => /orP[/eqP ->|/hr].
Qed.

Lemma equated_ok side x y p z : wf p -> on p z -> side * side = 1 ->
  (cls p x).1 != (cls p y).1 -> (cls p x).2 != 0 -> (cls p y).2 != 0 ->
  z x 0 = side * z y 0 -> wf (equated side x y p) /\ on (equated side x y p) z.
Proof.
move=> w [hr hc] side1 ne x0 y0 e.
have [wx [/eqP|sx]] := w x; first by rewrite (negPf x0).
have [wy [/eqP|sy]] := w y; first by rewrite (negPf y0).
have := hc x; have := hc y; rewrite /equated.
case ex: (cls p x) => [a s]; case ey: (cls p y) => [b t] /= zy zx.
rewrite ex /= in wx sx ne; rewrite ey /= in wy sy ne.
have turn : (side * s * t) * (side * s * t) = 1.
  have -> : (side * s * t) * (side * s * t) = (side * side) * (s * s) * (t * t) by ring.
  by rewrite side1 sx sy !mulr1.
have zab : z a 0 = side * s * t * z b 0.
  have -> : z a 0 = s * (s * z a 0) by rewrite mulrA sx mul1r.
  by rewrite -zx e zy; ring.
have zba : z b 0 = side * s * t * z a 0 by rewrite zab mulrA turn mul1r.
set low := if _ then a else b; set high := if _ then b else a.
have zhl : z high 0 = side * s * t * z low 0 by rewrite /high /low; case: ifP.
have lh : low != high by rewrite /low /high; case: ifP; rewrite // eq_sym.
have lowE : (cls p low).1 = low by rewrite /low; case: ifP.
split=> [i|]; last first.
  split=> // i /=; case: eqP => [hi|_] /=; last exact: hc.
  by rewrite hc hi zhl; ring.
have [wi wi2] := w i; rewrite /=; have [hi|hi] := eqVneq (cls p i).1 high; last first.
  by rewrite wi (negPf hi).
rewrite /= lowE (negPf lh) lowE; split=> //; case: wi2 => [->|h]; first by left; rewrite mul0r.
by right; rewrite mulrACA h turn mul1r.
Qed.

Lemma alone_ok K (g : 'I_k -> option 'I_K) j p z : wf p -> on p z ->
  (forall i, (if g i is Some j' then j' != j else false) -> z i 0 = 0) ->
  wf (alone g j p) /\ on (alone g j p) z.
Proof.
move=> w [hr hc] h; split=> [i|]; last first.
  split=> // i /=; have := h i; case: (g i) => [j'|] //=; case: eqP => //= _ -> //.
  by rewrite mul0r.
have away i' : (match g i' with Some j' => if j' == j then cls p i' else (i', 0)
    | None => cls p i' end).1 = i' \/ (match g i' with Some j' => if j' == j then cls p i'
    else (i', 0) | None => cls p i' end) = cls p i'.
  by case: (g i') => [j'|]; [case: eqP => _; [right|left]|right].
rewrite /=; have [wi wi2] := w i; have [ai|ai] := away i.
  by rewrite ai; split; [exact: ai | move: ai; case: (g i) => [j'|] //=; case: ifP => // _ _; left].
rewrite ai; split; last by [].
by have [->|->] := away (cls p i).1.
Qed.

(* Children cover their parent, so the root's bound is the largest leaf's. *)
Theorem tree_bound T p P z : wf p -> tree_ok T p P -> D z -> on p z -> qf A z <= P.
Proof.
elim: T p => [l|a T1 I1 T2 I2|x y T1 I1 T2 I2|K g each I] p w /=.
- exact: leaf_bound.
- move=> [h1 h2] Dz oz; have [pos|neg] := leP 0 (at_ a z).
    exact: (I1 (cut a p) w h1 Dz (on_cut oz pos)).
  apply: (I2 (cut (- a) p) w h2 Dz); apply: on_cut oz _.
  by rewrite /at_ mulNmx mxE oppr_ge0 ltW.
- move=> [/andP[vx vy] ne /andP[x0 y0] h1 h2] Dz oz.
  have [same|turned] : z x 0 = 1 * z y 0 \/ z x 0 = -1 * z y 0.
    have [|] := corners Dz vx => ->; have [|] := corners Dz vy => ->; [left|right|right|left]; ring.
  + have [w1 o1] := equated_ok w oz (mulr1 1) ne x0 y0 same; exact: I1 w1 h1 Dz o1.
  + have m1 : (-1 : R) * -1 = 1 by ring.
    have [w1 o1] := equated_ok w oz m1 ne x0 y0 turned; exact: I2 w1 h2 Dz o1.
- move=> [hg h] Dz oz; have [j hj] := hg z Dz.
  have [w1 o1] := alone_ok w oz hj; exact: I w1 (h j) Dz o1.
Qed.

(* the start: no classes yet, zeros where the cone is "0" *)
Definition start (r : seq 'rV[R]_k) (zero : pred 'I_k) :=
  Path r (fun i => (i, if zero i then 0 else 1)).

Lemma start_wf r zero : wf (start r zero).
Proof. by move=> i; split=> //=; case: (zero i); [left | right; rewrite mulr1]. Qed.

(* the number of a leaf from its witness, on the heads alone *)
Lemma leaf_residual l p q (E : 'M[R]_k) (L : 'M_(k, q)) shift e :
  let G := (merged p)^T *m (A + (stack p)^T *m table p (leafN l) *m stack p) *m merged p
           - leafQ l in
  E^T = E -> shift%:M - G = L *m L^T + E -> rows_le E e -> leaft l = shift + e ->
  forall z, let y := heads p z in qf G y <= leaft l * sq y.
Proof. by move=> G sym eq hE -> z; apply: residual_le sym eq hE. Qed.

(* where no class was merged, y is z *)
Lemma heads_id p z i : on p z -> (cls p i).1 = i -> heads p z i 0 = z i 0.
Proof.
move=> [_ hc] h; rewrite mxE /head h eqxx /=.
by have [z0|//] := eqVneq (cls p i).2 0; rewrite hc z0 mul0r.
Qed.

Lemma heads_shadow p z i : heads p z i 0 = z i 0 \/ heads p z i 0 = 0.
Proof. by rewrite mxE; case: (head p i); [left|right]. Qed.

End Trees.

Arguments Groups {R k K}.
