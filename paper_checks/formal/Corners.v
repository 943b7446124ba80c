(* `conic`, the rest of it: why extreme points are enough, `boxed`, what the leaves' diagonal
   costs, and the rule's claim for pairs and for symmetric atoms. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms Lines Conic.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Sides.
Variable R : rcfType.

(* Every norm of the format is definite. *)
Lemma above_definite n (N : 'cV[R]_n -> R) : (forall a x, 0 <= a -> N (a *: x) = a * N x) ->
  (forall x, l2 x <= N x) -> definite N.
Proof.
move=> hom above; split=> // x; first exact: le_trans (l2_ge0 x) (above x).
move=> z; apply: sq_eq0; rewrite -l2_sqr; apply/eqP; rewrite sqrf_eq0 eq_le l2_ge0 andbT -z.
exact: above.
Qed.

Lemma l1_definite n : definite (@l1 R n).
Proof. by apply: above_definite (@l2_le_l1 R n) => a x a0; rewrite l1Z ger0_norm. Qed.

Lemma l2_definite n : definite (@l2 R n 1).
Proof. by apply: above_definite => // a x a0; rewrite l2Z ger0_norm. Qed.

Lemma elastic_definite n a : 0 <= a <= 1 -> definite (@elastic R n a).
Proof.
move=> ha; apply: above_definite => [b x b0|x]; last exact: l2_le_elastic.
by rewrite /elastic l1Z l2Z ger0_norm //; ring.
Qed.

Lemma group_l2Z n k (g : 'I_n -> 'I_k) j a (x : 'cV[R]_n) :
  0 <= a -> group_l2 g j (a *: x) = a * group_l2 g j x.
Proof.
move=> a0; rewrite /group_l2; under eq_bigr do rewrite mxE exprMn.
by rewrite -mulr_sumr sqrtrM ?sqr_ge0 // sqrtr_sqr ger0_norm.
Qed.

Lemma group_sum_definite n k (g : 'I_n -> 'I_k) : definite (@group_sum R n k g).
Proof.
apply: above_definite => [a x a0|x]; last exact: l2_le_group_sum.
by rewrite mulr_sumr; apply: eq_bigr => j _; rewrite group_l2Z.
Qed.

Lemma variation_definite n k rho (B : 'M[R]_(k, n)) : 0 <= rho -> definite (variation rho B).
Proof.
move=> r0; apply: above_definite => [a x a0|x]; last exact: l2_le_variation.
by rewrite /variation -scalemxAr l1Z l2Z ger0_norm //; ring.
Qed.

Lemma bigmaxZ (I : finType) a (F : I -> R) : 0 <= a ->
  \big[Num.max/0]_i (a * F i) = a * \big[Num.max/0]_i F i.
Proof.
by move=> a0; elim/big_ind2: _ => [|x1 x2 y1 y2 -> ->|//]; rewrite ?mulr0 // maxr_pMr.
Qed.

Lemma linf_definite n : definite (@linf R n).
Proof.
split=> [x|a x a0|x z]; first exact: linf_ge0.
  by rewrite -bigmaxZ //; apply: eq_bigr => i _; rewrite mxE normrM ger0_norm.
apply/colP => i; rewrite mxE; apply/eqP; rewrite -normr_le0 -z; exact: le_linf.
Qed.

Lemma weighted_definite n (w : 'I_n -> R) : (forall i, 0 < w i) -> definite (weighted w).
Proof.
move=> w0; split=> [x|a x a0|x z]; first exact: sqrtr_ge0.
  rewrite /weighted; under eq_bigr do rewrite mxE exprMn mulrCA.
  by rewrite -mulr_sumr sqrtrM ?sqr_ge0 // sqrtr_sqr ger0_norm.
have e : \sum_i w i * x i 0 ^+ 2 = 0.
  by rewrite -weighted_sqr ?z ?expr0n // => i; apply: ltW.
apply/colP => i; rewrite mxE; apply/eqP; rewrite -sqrf_eq0.
have := psumr_eq0P (fun j _ => mulr_ge0 (ltW (w0 j)) (sqr_ge0 (x j 0))) e (i := i) isT.
by move/eqP; rewrite mulf_eq0 gt_eqF.
Qed.

Lemma group_max_definite n k (g : 'I_n -> 'I_k) : definite (@group_max R n k g).
Proof.
split=> [x|a x a0|x z]; first exact: group_max_ge0.
  by rewrite -bigmaxZ //; apply: eq_bigr => j _; rewrite group_l2Z.
apply: sq_eq0; rewrite (sq_groups g) big1 // => j _; apply/eqP; rewrite sqrf_eq0.
by rewrite eq_le group_l2_ge0 andbT -z le_group_max.
Qed.

(* A linear function is at most P on the ball if it is on the points Rm x', x' in E. *)
Definition reduces m n (N : 'cV[R]_m -> R) c (Rm : 'M[R]_(m, n)) (E : 'cV[R]_n -> Prop) :=
  forall y P, 0 <= P -> (forall x', E x' -> dot y (Rm *m x') <= P) ->
  forall x, in_cone c x -> N x <= 1 -> dot y x <= P.

Definition in_ball n (N : 'cV[R]_n -> R) c x := in_cone c x /\ N x <= 1.

Theorem reduces_ball n (N : 'cV[R]_n -> R) c : reduces N c 1%:M (in_ball N c).
Proof. by move=> y P _ h x cx Nx; have := h x; rewrite mul1mx; apply; split. Qed.

(* linf: free coordinates are 1 or -1 *)
Definition corner n c (x : 'cV[R]_n) :=
  in_ball (@linf R n) c x /\ forall i, c i = Free -> x i 0 = 1 \/ x i 0 = - 1.

Theorem reduces_linf n (c : 'I_n -> sign) : reduces (@linf R n) c 1%:M (corner c).
Proof.
move=> y P P0 h x cx Nx.
pose z := \col_i (if c i is Free then (if 0 <= y i 0 then 1 else - 1) else x i 0) : 'cV[R]_n.
have x1 i : `|x i 0| <= 1 by exact: le_trans (le_linf x i) Nx.
have cz : corner c z.
  split; last by move=> i ci; rewrite mxE ci; case: ifP; [left|right].
  split=> [i|]; first by have := cx i; rewrite mxE; case: (c i).
  apply: linf_lub => // i; rewrite mxE; case: (c i) => //.
  by case: ifP; rewrite ?normrN normr1.
apply: le_trans (h z cz); rewrite mul1mx !dot_col; apply: ler_sum => i _; rewrite mxE.
case: (c i) => //; have := x1 i; rewrite ler_norml => /andP[lo hi].
by case: (leP 0 (y i 0)) => y0; nra.
Qed.

(* sums of groups: all coordinates outside one group are 0 *)
Definition single n k (g : 'I_n -> 'I_k) c (x : 'cV[R]_n) :=
  in_ball (group_sum g) c x /\ exists j, forall i, g i != j -> x i 0 = 0.

Theorem reduces_groups n k (g : 'I_n -> 'I_k) (c : 'I_n -> sign) :
  reduces (group_sum g) c 1%:M (single g c).
Proof.
move=> y P P0 h x cx Nx.
pose part j := \col_i (if g i == j then x i 0 else 0) : 'cV[R]_n.
have -> : x = \sum_j part j.
  apply/colP => i; rewrite summxE (bigD1 (g i)) //= mxE eqxx big1 ?addr0 // => j ne.
  by rewrite mxE eq_sym (negPf ne).
have own j l : group_l2 g l (part j) = if l == j then group_l2 g j x else 0.
  rewrite /group_l2; case: eqP => [->|/eqP ne].
    by congr Num.sqrt; apply: eq_bigr => i /eqP gi; rewrite mxE gi eqxx.
  by rewrite big1 ?sqrtr0 // => i /eqP gi; rewrite mxE gi (negPf ne) expr0n.
have total j : group_sum g (part j) = group_l2 g j x.
  by rewrite /group_sum (bigD1 j) //= own eqxx big1 ?addr0 // => l ne; rewrite own (negPf ne).
have [_ gZ _] := group_sum_definite g.
have step j : dot y (part j) <= P * group_l2 g j x.
  have [/eqP z|nz] := boolP (group_l2 g j x == 0).
    have [_ _ def] := group_sum_definite g.
    by rewrite (def (part j)) ?total // dot0r z mulr0.
  have pos : 0 < group_l2 g j x by rewrite lt_def nz group_l2_ge0.
  have inv : 0 <= (group_l2 g j x)^-1 by rewrite invr_ge0 ltW.
  have := h ((group_l2 g j x)^-1 *: part j); rewrite mul1mx dotZr mulrC ler_pdivrMr //.
  apply; split; last by exists j => i ne; rewrite !mxE (negPf ne) mulr0.
  split; last by rewrite gZ // total mulVf.
  apply: in_coneZ => // i; have := cx i; rewrite mxE; case: eqP => // _.
  by case: (c i) => /=.
rewrite dot_sumr; apply: le_trans (ler_sum _ (fun j _ => step j)) _.
rewrite -mulr_sumr -[X in _ <= X]mulr1; exact: ler_wpM2l.
Qed.

(* `boxed`: coordinates 1 + n, s_0 = 1 in front; `unmixed` *)
Definition unmix n (c : 'I_n -> sign) : 'M[R]_(n, 1 + n) :=
  row_mx (\col_i match c i with Pos => 1 / 2 | Neg => - (1 / 2) | _ => 0 end)
    (diag_mx (\row_i match c i with Free => 1 | Zero => 0 | _ => 1 / 2 end)).

Definition vertex_of n (x : 'cV[R]_(1 + n)) :=
  usubmx x 0 0 = 1 /\ forall i, dsubmx x i 0 = 1 \/ dsubmx x i 0 = - 1.

Lemma unmixE n (c : 'I_n -> sign) (x : 'cV[R]_(1 + n)) i :
  usubmx x 0 0 = 1 -> (unmix c *m x) i 0 = match c i with
    Free => dsubmx x i 0 | Pos => (1 + dsubmx x i 0) / 2 | Neg => (dsubmx x i 0 - 1) / 2
  | Zero => 0 end.
Proof.
move=> x1; rewrite -[x in LHS]vsubmxK mul_row_col mul_diag_mx !mxE big_ord1 !mxE.
have {}x1 : x (lshift n 0) 0 = 1 by rewrite -x1 mxE.
by rewrite x1; case: (c i); field.
Qed.

Theorem reduces_boxed n (c : 'I_n -> sign) : reduces (@linf R n) c (unmix c) (@vertex_of n).
Proof.
move=> y P P0 h x cx Nx.
pose s := \col_i (if 0 <= y i 0 then 1 else - 1) : 'cV[R]_n.
pose z := col_mx 1 s : 'cV[R]_(1 + n).
have z1 : usubmx z 0 0 = 1 by rewrite col_mxKu mxE.
have vz : vertex_of z.
  by split=> // i; rewrite col_mxKd mxE; case: ifP; [left|right].
apply: le_trans (h z vz); rewrite !dot_col; apply: ler_sum => i _.
rewrite unmixE // col_mxKd mxE.
have : `|x i 0| <= 1 by exact: le_trans (le_linf x i) Nx.
rewrite ler_norml => /andP[lo hi]; have := cx i.
by case: (c i) => /=; [| | |move/eqP ->; rewrite !mulr0 //]; case: (leP 0 (y i 0)) => y0; nra.
Qed.

(* `box_rows`: s_0 + s_i and s_0 - s_i *)
Theorem box_rows_ge0 n (x : 'cV[R]_(1 + n)) i : vertex_of x ->
  0 <= usubmx x 0 0 + dsubmx x i 0 /\ 0 <= usubmx x 0 0 - dsubmx x i 0.
Proof. by move=> [-> /(_ i) [|] ->]; split; lra. Qed.

(* The claim for pairs: z = (u', v'), hat(W) = [[0, W'], [W'^T, 0]], W' = Rl^T W Rr. *)
Section Pairs.
Variables (m n m' n' : nat) (Na : 'cV[R]_m -> R) (ca : 'I_m -> sign) (Nb : 'cV[R]_n -> R).
Variables (cb : 'I_n -> sign) (Rl : 'M[R]_(m, m')) (Rr : 'M[R]_(n, n')).
Variables (El : 'cV[R]_m' -> Prop) (Er : 'cV[R]_n' -> Prop) (W : 'M[R]_(m, n)).
Hypotheses (redl : reduces Na ca Rl El) (redr : reduces Nb cb Rr Er).

Definition hat (W' : 'M[R]_(m', n')) := block_mx 0 W' W'^T 0.

Let A := hat (Rl^T *m W *m Rr).

Definition feasible (z : 'cV[R]_(m' + n')) := El (usubmx z) /\ Er (dsubmx z).

Lemma pair_extreme P : 0 <= P -> (forall z, feasible z -> qf A z <= P) ->
  forall u v, in_cone ca u -> in_cone cb v -> Na u <= 1 -> Nb v <= 1 -> dot u (W *m v) <= P / 2.
Proof.
move=> P0 h u v cu cv nu nv; have P2 : 0 <= P / 2 by rewrite divr_ge0.
rewrite dotC; apply: (redl P2 _ cu nu) => u' Eu.
rewrite dot_mull dotC; apply: (redr P2 _ cv nv) => v' Ev.
have := h (col_mx u' v'); rewrite qf_hat => /(_ _).
have -> : dot u' (Rl^T *m W *m Rr *m v') = dot (W^T *m (Rl *m u')) (Rr *m v').
  by rewrite [RHS]dot_mull trmxK dot_mull !mulmxA.
by move=> H; rewrite ler_pdivlMr // mulrC; apply: H; rewrite /feasible col_mxKu col_mxKd.
Qed.

(* `conic`, a pair: the walk over D = the extreme points from the signed rows, the bound halved *)
Theorem conic_pair (vertex : pred 'I_(m' + n')) (r : seq 'rV[R]_(m' + n')) zero T P :
  definite Na -> definite Nb -> 0 <= P ->
  (forall z i, feasible z -> vertex i -> z i 0 = 1 \/ z i 0 = - 1) ->
  (forall z, feasible z -> on (start r zero) z) ->
  tree_ok A feasible vertex T (start r zero) P -> pair_le Na ca Nb cb W (P / 2).
Proof.
move=> da db P0 hv hs hT; apply: (pair_ball da db) => u v cu cv nu nv.
apply: (pair_extreme P0) => // z fz.
exact: (tree_bound hv (start_wf r zero) hT fz (hs z fz)).
Qed.

(* the cost of a leaf, side by side (`leaf_bound`): Q = Diag(D) + A^T S A on each side *)
Theorem leaf_cost (Ql : 'M[R]_m') (Qr : 'M[R]_n') (p : path R (m' + n')) z
  costl costr widel wider (t : R) :
  let y := heads p z in
  qf Ql (usubmx y) <= costl -> qf Qr (dsubmx y) <= costr ->
  sq (usubmx y) <= widel -> sq (dsubmx y) <= wider ->
  qf (block_mx Ql 0 0 Qr) y + Num.max t 0 * sq y
    <= costl + costr + Num.max t 0 * (widel + wider).
Proof.
move=> y hl hr wl wr; rewrite -[y in qf _ y]vsubmxK -[y in sq y]vsubmxK.
rewrite qf_block !mul0mx !dot0r sq_col_mx !addr0; apply: lerD; first exact: lerD.
by rewrite ler_wpM2l ?le_max ?lexx ?orbT // lerD.
Qed.

End Pairs.

(* y on a side without merged classes is the side itself *)
Lemma heads_left m n (p : path R (m + n)) z : on p z ->
  (forall i, (cls p (lshift n i)).1 = lshift n i) -> usubmx (heads p z) = usubmx z.
Proof. by move=> oz h; apply/colP => i; rewrite !mxE -[RHS](heads_id oz (h i)) mxE. Qed.

Lemma heads_right m n (p : path R (m + n)) z : on p z ->
  (forall i, (cls p (rshift m i)).1 = rshift m i) -> dsubmx (heads p z) = dsubmx z.
Proof. by move=> oz h; apply/colP => i; rewrite !mxE -[RHS](heads_id oz (h i)) mxE. Qed.

(* what the splits need: corners are 1 or -1, one group is not zero *)
Lemma corner_vertex n (c : 'I_n -> sign) x i : corner c x -> c i = Free ->
  x i 0 = 1 \/ x i 0 = - 1.
Proof. by move=> [_ h] /h. Qed.

Theorem grouped_left m n' k (g : 'I_m -> 'I_k) c (Er : 'cV[R]_n' -> Prop) :
  grouped (feasible (single g c) Er)
    (fun i : 'I_(m + n') => match split i with inl a => Some (g a) | inr _ => None end).
Proof.
move=> z [[_ [j hj]] _]; exists j => i; case: splitP => // a e /hj.
by rewrite mxE; congr (z _ 0 = 0); apply: val_inj.
Qed.

Theorem grouped_right m' n k (g : 'I_n -> 'I_k) c (El : 'cV[R]_m' -> Prop) :
  grouped (feasible El (single g c))
    (fun i : 'I_(m' + n) => match split i with inl _ => None | inr b => Some (g b) end).
Proof.
move=> z [_ [_ [j hj]]]; exists j => i; case: splitP => // b e /hj.
by rewrite mxE; congr (z _ 0 = 0); apply: val_inj.
Qed.

(* on a side under linf every |y_i| <= 1, and y_i = 0 off the heads: merged counts once *)
Theorem linf_cost n (d : 'rV[R]_n) (A : pred 'I_n) (y : 'cV[R]_n) :
  (forall i, ~~ A i -> y i 0 = 0) -> (forall i, `|y i 0| <= 1) ->
  qf (diag_mx d) y <= \sum_(i | A i) Num.max (d 0 i) 0 /\ sq y <= #|A|%:R.
Proof.
move=> y0 y1; have s1 i : y i 0 ^+ 2 <= 1.
  by rewrite -real_normK ?num_real // expr_le1.
split.
  rewrite qf_diag (bigID A) /= [X in _ + X]big1 ?addr0 => [|i /y0 ->]; last first.
    by rewrite expr0n mulr0.
  apply: ler_sum => i _; apply: le_trans (_ : Num.max (d 0 i) 0 * y i 0 ^+ 2 <= _).
    by rewrite ler_wpM2r ?sqr_ge0 // le_max lexx.
  by rewrite -[X in _ <= X]mulr1 ler_wpM2l // le_max lexx orbT.
rewrite sq_col (bigID A) /= [X in _ + X]big1 ?addr0 => [|i /y0 ->]; last by rewrite expr0n.
by apply: le_trans (ler_sum _ (fun i _ => s1 i)) _; rewrite sumr_const.
Qed.

(* on every other side no class is merged, y is the side itself: `diagonal_cost`, `widest` *)
Theorem ball_cost n (N : 'cV[R]_n -> R) c (d : 'rV[R]_n) cost (y : 'cV[R]_n) :
  0 <= cost -> cost_le N c (fun i => d 0 i) cost -> 0 <= N y -> in_ball N c y ->
  qf (diag_mx d) y <= cost.
Proof.
move=> cost0 h N0 [cy Ny]; rewrite qf_diag; apply: le_trans (h y cy) _.
by rewrite -[X in _ <= X]mulr1 ler_wpM2l // expr_le1.
Qed.

Theorem ball_wide n (N : 'cV[R]_n -> R) c cost (y : 'cV[R]_n) :
  0 <= cost -> cost_le N c (fun=> 1) cost -> 0 <= N y -> in_ball N c y -> sq y <= cost.
Proof.
move=> cost0 h N0 [cy Ny]; apply: le_trans (widest_le h cy) _.
by rewrite -[X in _ <= X]mulr1 ler_wpM2l // expr_le1.
Qed.

(* The claim for symmetric atoms: phi = x x^T, theta = |x|^2, A = (W + W^T) / 2. *)
Definition symmetric_part n (W : 'M[R]_n) : 'M[R]_n := 2^-1 *: (W + W^T).

Lemma qf_symmetric n (W : 'M[R]_n) x : qf (symmetric_part W) x = dot W (x *m x^T).
Proof.
have e : qf W^T x = qf W x by rewrite /qf dotC dot_mull trmxK.
by rewrite qfZ qfD e -qf_dot; field.
Qed.

Theorem conic_symmetric n (N : 'cV[R]_n -> R) c (W : 'M[R]_n) r zero T P :
  definite N -> (forall x, in_ball N c x -> on (start r zero) x) ->
  tree_ok (symmetric_part W) (in_ball N c) pred0 T (start r zero) P ->
  forall x, in_cone c x -> dot W (x *m x^T) <= P * N x ^+ 2.
Proof.
move=> [N0 NZ Nd] hs hT x cx.
have [/eqP z|nz] := boolP (N x == 0).
  by rewrite z expr0n mulr0 (Nd x z) mul0mx dot0r.
have pos : 0 < N x by rewrite lt_def nz N0.
have inv : 0 <= (N x)^-1 by rewrite invr_ge0 ltW.
have bx : in_ball N c ((N x)^-1 *: x).
  by split; [exact: in_coneZ | rewrite NZ // mulVf].
have nov : forall z i, in_ball N c z -> pred0 i -> z i 0 = 1 \/ z i 0 = - 1 by [].
have := tree_bound nov (start_wf r zero) hT bx (hs _ bx).
by rewrite qf_scale qf_symmetric exprVn mulrC ler_pdivrMr // exprn_gt0.
Qed.

(* the start's rows, sign * e_i of the signed coordinates, and then the boxes'; zeros by the cone *)
Section Start.
Variables (k : nat) (c : 'I_k -> sign).

Definition signed i := match c i with Pos | Neg => true | _ => false end.

Definition zeroed i := if c i is Zero then true else false.

Definition signed_row i : 'rV[R]_k := (if c i is Neg then -1 else 1) *: delta_mx 0 i.

Definition signed_rows := [seq signed_row i | i <- enum 'I_k & signed i].

Theorem start_on extra z : in_cone c z -> (forall a, a \in extra -> 0 <= at_ a z) ->
  on (start (signed_rows ++ extra) zeroed) z.
Proof.
move=> cz hx; split=> [a|i] /=; last first.
  by have := cz i; rewrite /zeroed; case: (c i) => /= h; rewrite ?mul1r // mul0r; apply/eqP.
rewrite mem_cat => /orP[|/hx //] /mapP[i]; rewrite mem_filter => /andP[si _] ->.
rewrite /at_ /signed_row -scalemxAl -rowE !mxE; have := cz i; move: si.
by rewrite /signed; case: (c i) => //= _; lra.
Qed.

End Start.

(* the cone of z = (u, v) *)
Definition both m n (ca : 'I_m -> sign) (cb : 'I_n -> sign) (i : 'I_(m + n)) :=
  match split i with inl a => ca a | inr b => cb b end.

Lemma both_cone m n (ca : 'I_m -> sign) (cb : 'I_n -> sign) (z : 'cV[R]_(m + n)) :
  in_cone ca (usubmx z) -> in_cone cb (dsubmx z) -> in_cone (both ca cb) z.
Proof.
move=> cu cv i; rewrite /both; case: splitP => j e.
  by have := cu j; rewrite mxE; congr (allows _ (z _ 0)); apply: val_inj.
by have := cv j; rewrite mxE; congr (allows _ (z _ 0)); apply: val_inj.
Qed.

End Sides.
