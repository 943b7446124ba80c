(* Quadratic forms over finite index types, and trees of cases: what Tensors.v and Network.v share.

   A vector is a function A -> R on a finite type A of coordinates (a sum or a product of index
   types is one too), a form is G : A -> A -> R.  In the kernel the same numbers stand in
   row-major order, which is one enumeration of A. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring lra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Lemma sum_unit (R : nmodType) (g : unit -> R) : \sum_k g k = g tt.
Proof. by rewrite (bigD1 tt) //= big1 ?addr0 // => -[]. Qed.

(* membership where equality is not decidable *)
Lemma In_cat (T : Type) (x : T) s1 s2 : List.In x (s1 ++ s2) -> List.In x s1 \/ List.In x s2.
Proof.
by elim: s1 => [|y s ih] /=; [right|case=> [->|/ih [h|h]]; [left; left|left; right|right]].
Qed.

Lemma In_map (S T : Type) (g : S -> T) (y : T) s : List.In y (map g s) -> exists x, g x = y /\ List.In x s.
Proof.
elim: s => //= x s ih [<-|/ih [x' [e inn]]]; first by exists x; split; last left.
by exists x'; split; last right.
Qed.

Section Forms.
Variable R : realFieldType.

(* <x, y> *)
Definition inner (A : finType) (x y : A -> R) : R := \sum_a x a * y a.

(* |x|^2 *)
Definition size2 (A : finType) (x : A -> R) : R := \sum_a x a ^+ 2.

(* x^T G x *)
Definition form (A : finType) (G : A -> A -> R) (x : A -> R) : R :=
  \sum_a \sum_b G a b * (x a * x b).

Lemma size2_ge0 (A : finType) (x : A -> R) : 0 <= size2 x.
Proof. by apply: sumr_ge0 => a _; apply: sqr_ge0. Qed.

Lemma size2E (A : finType) (x : A -> R) : size2 x = inner x x.
Proof. by apply: eq_bigr => a _; rewrite expr2. Qed.
Lemma formD (A : finType) (G H : A -> A -> R) x :
  form (fun a b => G a b + H a b) x = form G x + form H x.
Proof.
rewrite /form -big_split; apply: eq_bigr => a _; rewrite -big_split.
by apply: eq_bigr => b _; rewrite mulrDl.
Qed.

Lemma form_sum (A : finType) (I : Type) (r : seq I) (P : pred I) (G : I -> A -> A -> R) x :
  form (fun a b => \sum_(i <- r | P i) G i a b) x = \sum_(i <- r | P i) form (G i) x.
Proof.
rewrite [RHS]exchange_big; apply: eq_bigr => a _.
rewrite [RHS]exchange_big; apply: eq_bigr => b _.
by rewrite mulr_suml.
Qed.

Lemma formZ (A : finType) c (G : A -> A -> R) x : form (fun a b => c * G a b) x = c * form G x.
Proof.
rewrite /form mulr_sumr; apply: eq_bigr => a _; rewrite mulr_sumr.
by apply: eq_bigr => b _; rewrite -mulrA.
Qed.

Lemma formN (A : finType) (G : A -> A -> R) x : form (fun a b => - G a b) x = - form G x.
Proof. by rewrite -sumrN; apply: eq_bigr => a _; rewrite -sumrN; apply: eq_bigr => b _; rewrite mulNr. Qed.

Lemma eq_form (A : finType) (G H : A -> A -> R) x : (forall a b, G a b = H a b) -> form G x = form H x.
Proof. by move=> e; apply: eq_bigr => a _; apply: eq_bigr => b _; rewrite e. Qed.

(* x^T L L^T x = |L^T x|^2, and with two matrices *)
Lemma form_mul (A K : finType) (L M : A -> K -> R) x :
  form (fun a b => \sum_k L a k * M b k) x = \sum_k (\sum_a L a k * x a) * (\sum_b M b k * x b).
Proof.
rewrite [RHS](eq_bigr (fun k => \sum_a \sum_b (L a k * M b k) * (x a * x b))); last first.
  move=> k _; rewrite mulr_suml; apply: eq_bigr => a _; rewrite mulr_sumr.
  by apply: eq_bigr => b _; ring.
rewrite exchange_big; apply: eq_bigr => a _; rewrite exchange_big; apply: eq_bigr => b _.
by rewrite mulr_suml.
Qed.

Lemma form_gram (A K : finType) (L : A -> K -> R) x :
  form (fun a b => \sum_k L a k * L b k) x = size2 (fun k => \sum_a L a k * x a).
Proof. by rewrite form_mul; apply: eq_bigr => k _; rewrite expr2. Qed.

(* x^T Diag(d) x *)
Definition diagonal (A : finType) (d : A -> R) (a b : A) : R := if a == b then d a else 0.

Lemma form_diagonal (A : finType) (d : A -> R) x : form (diagonal d) x = \sum_a d a * x a ^+ 2.
Proof.
apply: eq_bigr => a _; rewrite (bigD1 a) //= /diagonal eqxx big1 ?addr0 ?expr2 //.
by move=> b ne; rewrite eq_sym (negPf ne) mul0r.
Qed.

(* <x, y>^2 <= |x|^2 |y|^2 *)
Lemma cauchy (A : finType) (x y : A -> R) : inner x y ^+ 2 <= size2 x * size2 y.
Proof.
have expand s t : size2 (fun a => s * x a - t * y a)
    = s ^+ 2 * size2 x - 2 * s * t * inner x y + t ^+ 2 * size2 y.
  rewrite /size2 /inner !mulr_sumr -sumrN -!big_split /=.
  by apply: eq_bigr => a _; ring.
have [/eqP z|z] := boolP (size2 y == 0).
  have y0 a : y a = 0.
    apply/eqP; rewrite -sqrf_eq0; apply/eqP.
    exact: (psumr_eq0P (fun b _ => sqr_ge0 (y b)) z).
  rewrite z mulr0 /inner big1 ?expr0n // => a _; by rewrite y0 mulr0.
have pos : 0 < size2 y by rewrite lt_def z size2_ge0.
have := size2_ge0 (fun a => size2 y * x a - inner x y * y a); rewrite expand => h.
have : 0 <= size2 y * (size2 x * size2 y - inner x y ^+ 2) by move: h; nra.
by rewrite pmulr_rge0 // subr_ge0.
Qed.

(* G <= t I *)
Definition below (A : finType) (G : A -> A -> R) (t : R) := forall x : A -> R, form G x <= t * size2 x.

(* The residual lemma, `top` of the kernel: G <= (shift + e) I, where e bounds the sums of moduli
   in every row of shift I - G - L L^T.  Without L (a type without elements) it is Gershgorin's. *)
Theorem residual_below (A K : finType) (G : A -> A -> R) (L : A -> K -> R) (shift e : R) :
  (forall a b, G a b = G b a) ->
  (forall a, \sum_b `|diagonal (fun=> shift) a b - G a b - \sum_k L a k * L b k| <= e) ->
  below G (shift + e).
Proof.
move=> sym rows x.
pose E a b := diagonal (fun=> shift) a b - G a b - \sum_k L a k * L b k.
have symE a b : E a b = E b a.
  rewrite /E sym /diagonal (eq_sym a) [X in _ - X = _](eq_bigr (fun k => L b k * L a k)) //.
  by move=> k _; rewrite mulrC.
have split : shift * size2 x = form G x + size2 (fun k => \sum_a L a k * x a) + form E x.
  rewrite -form_gram -!formD (_ : shift * _ = form (diagonal (fun=> shift)) x).
    by apply: eq_form => a b; rewrite /E; ring.
  by rewrite form_diagonal mulr_sumr.
have young a b : - (E a b * (x a * x b)) <= `|E a b| * (x a ^+ 2 / 2) + `|E a b| * (x b ^+ 2 / 2).
  rewrite -mulrDr -mulrN; apply: le_trans (ler_norm _) _; rewrite normrM.
  apply: ler_wpM2l; first exact: normr_ge0.
  rewrite normrN ler_norml; have := sqr_ge0 (x a + x b); have := sqr_ge0 (x a - x b).
  by move: (x a) (x b) => p q h1 h2; apply/andP; split; nra.
have low : - form E x <= e * size2 x.
  rewrite /form -sumrN mulr_sumr.
  apply: le_trans (_ : _ <= \sum_a (\sum_b `|E a b| * (x a ^+ 2 / 2) + \sum_b `|E a b| * (x b ^+ 2 / 2))) _.
    by apply: ler_sum => a _; rewrite -sumrN -big_split; apply: ler_sum.
  rewrite big_split /= [X in _ + X]exchange_big /= -big_split /=; apply: ler_sum => a _.
  have col : \sum_b `|E b a| = \sum_b `|E a b| by apply: eq_bigr => b _; rewrite symE.
  rewrite -!mulr_suml col; have h1 := rows a; rewrite -/(E a _) in h1.
  have h2 := sqr_ge0 (x a).
  have {}h1 : \sum_b `|E a b| <= e by [].
  by move: (\sum_b `|E a b|) h1 => s h1; nra.
have := size2_ge0 (fun k => \sum_a L a k * x a); move: split low; rewrite mulrDl.
by move: (size2 (fun k => _)) => c; lra.
Qed.

(* t replaced by t^+ *)
Lemma below_pos (A : finType) (G : A -> A -> R) t x wide :
  below G t -> size2 x <= wide -> form G x <= Num.max t 0 * wide.
Proof.
move=> h s; apply: le_trans (h x) _.
have := size2_ge0 x; have : t <= Num.max t 0 by rewrite le_max lexx.
have : 0 <= Num.max t 0 by rewrite le_max lexx orbT.
by move: (Num.max t 0) => t'; nra.
Qed.

End Forms.

(* Trees of cases as the kernel's rules hold them: a list of nodes, number 0 the root, every child
   after its parent.  A node splits at g s z >= 0 and g s z <= 0, at one of several cases that
   together are everything, or is a leaf.  `reached at path` follows the walk of `leaves`,
   `network` and `conic`; what was decided on the way is the path.  The kernel asks besides that
   no node has two parents and that all are met, which only keeps the walk short. *)
Section Trees.
Variables (R : realDomainType) (Z S C : Type) (g : S -> Z -> R) (case : C -> Z -> Prop).

Inductive node := Leaf of nat | Split of S & nat & nat | Cases of seq (C * nat).

Variables (count : nat) (nodes : nat -> node).

(* one step of a path: a split with the side taken (true: >= 0), or a case *)
Inductive step := Side of S & bool | Case of C.

Definition holds (z : Z) (s : step) : Prop :=
  match s with
  | Side s true => 0 <= g s z
  | Side s false => g s z <= 0
  | Case c => case c z
  end.

Fixpoint on_path (z : Z) (path : seq step) : Prop :=
  if path is s :: rest then holds z s /\ on_path z rest else True.

Inductive reached : nat -> seq step -> Prop :=
| Root : reached 0 [::]
| Plus at_ path s i j : reached at_ path -> nodes at_ = Split s i j -> reached i (Side s true :: path)
| Minus at_ path s i j : reached at_ path -> nodes at_ = Split s i j -> reached j (Side s false :: path)
| One at_ path cs c i : reached at_ path -> nodes at_ = Cases cs -> List.In (c, i) cs ->
    reached i (Case c :: path).

(* `children`: a child comes after its parent and is a node *)
Definition orderly := forall at_, (at_ < count)%N ->
  match nodes at_ with
  | Leaf _ => True
  | Split _ i j => (at_ < i < count)%N /\ (at_ < j < count)%N
  | Cases cs => forall c i, List.In (c, i) cs -> (at_ < i < count)%N
  end.

(* the cases of every such node hold z *)
Definition complete z := forall at_ cs, nodes at_ = Cases cs ->
  exists c i, List.In (c, i) cs /\ case c z.

(* Every point lies in a leaf that was reached, with its path.  Covers `leaves`, and the walks of
   `network` and `conic`. *)
Theorem tree_cover z : (0 < count)%N -> orderly -> complete z ->
  exists at_ path t, [/\ reached at_ path, nodes at_ = Leaf t & on_path z path].
Proof.
move=> pos ord comp.
suff down n : forall at_ path, (count - at_ <= n)%N -> (at_ < count)%N -> reached at_ path ->
    on_path z path -> exists at_ path t, [/\ reached at_ path, nodes at_ = Leaf t & on_path z path].
  by apply: (down count 0 [::]) => //; [rewrite subn0|exact: Root].
elim: n => [|n ih] at_ path; first by rewrite leqn0 subn_eq0 leqNgt => /negPf->.
move=> le lt r on; have := ord _ lt; case e: (nodes at_) => [t|s i j|cs].
- by move=> _; exists at_, path, t.
- move=> [/andP[ai ic] /andP[aj jc]].
  have less k : (at_ < k)%N -> (count - k <= n)%N.
    by move=> ak; move: le; rewrite !leq_subLR => h; apply: leq_trans h _; rewrite -addSnnS leq_add2r.
  have [h|/ltW h] := leP 0 (g s z).
    by apply: ih (less _ ai) ic (Plus r e) _; split.
  by apply: ih (less _ aj) jc (Minus r e) _; split.
- move=> each; have [c [i [inside good]]] := comp _ _ e.
  have /andP[ai ic] := each _ _ inside.
  apply: ih ic (One r e inside) _; last by split.
  by move: le; rewrite !leq_subLR => h; apply: leq_trans h _; rewrite -addSnnS leq_add2r.
Qed.

End Trees.
