(* check_with ... = Some (lower, upper, answer)  ->  Statement.holds. *)

From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect ssralg ssrnum ssrint zmodp matrix.
From mathcomp Require Import zify ssrZ lra ring.
From Formal Require Import Base KyFan.
From Formal Require Network Norms Entries Concave.
From Checker Require Import Statement Checker Rule.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Arguments Z.add : simpl never.
Arguments Z.sub : simpl never.
Arguments Z.mul : simpl never.
Arguments Z.shiftl : simpl never.
Arguments root_up : simpl never.
Arguments root_down : simpl never.
Opaque root_guess log_guess log_near log_near_one.

Section Values.
Variable R : numbers.

(* integers, powers of two and dyadic numbers as real numbers *)
Definition zr (z : Z) : R := (int_of_Z z)%:~R.
Definition p2 (e : Z) : R := 2 ^ (int_of_Z e).
Definition dv (a : dyadic) : R := zr (num a) * p2 (dex a).

Lemma zr0 : zr Z0 = 0. Proof. by []. Qed.
Lemma zrD a b : zr (Z.add a b) = zr a + zr b.
Proof. by rewrite /zr -rmorphD; congr (_%:~R); lia. Qed.
Lemma zrB a b : zr (Z.sub a b) = zr a - zr b.
Proof. by rewrite /zr -rmorphB; congr (_%:~R); lia. Qed.
Lemma zrM a b : zr (Z.mul a b) = zr a * zr b.
Proof. by rewrite /zr -rmorphM; congr (_%:~R); exact: (rmorphM int_of_Z). Qed.
Lemma zr_le a b : (zr a <= zr b) = Z.leb a b.
Proof. by rewrite /zr ler_int; lia. Qed.
Lemma zr_lt a b : (zr a < zr b) = Z.ltb a b.
Proof. by rewrite /zr ltr_int; lia. Qed.
Lemma zr_abs a : zr (Z.abs a) = `|zr a|.
Proof. by rewrite /zr -intr_norm; congr (_%:~R); lia. Qed.

Lemma p2D a b : p2 (Z.add a b) = p2 a * p2 b.
Proof. by rewrite /p2 -expfzDr ?pnatr_eq0 //; congr (2 ^ _); lia. Qed.
Lemma p2_gt0 e : 0 < p2 e. Proof. by rewrite /p2 exprz_gt0. Qed.
Lemma p2_ge0 e : 0 <= p2 e. Proof. exact: ltW (p2_gt0 e). Qed.
Lemma p2B a b : p2 (Z.sub a b) = p2 a / p2 b.
Proof.
have -> : p2 a = p2 (Z.sub a b) * p2 b by rewrite -p2D; congr p2; lia.
by rewrite mulfK // gt_eqF ?p2_gt0.
Qed.
Lemma p2N e : p2 (Z.opp e) = (p2 e)^-1.
Proof.
have e1 : p2 (Z.opp e) * p2 e = 1.
  by rewrite -p2D; have -> : Z.add (Z.opp e) e = Z0 by lia.
by rewrite -[RHS]mul1r -e1 mulfK // gt_eqF ?p2_gt0.
Qed.
Lemma p2_pred e : p2 (Z.pred e) = p2 e / 2.
Proof.
have -> : Z.pred e = Z.add e (Zneg xH) by lia.
by rewrite p2D; congr (_ * _); rewrite /p2 exprN1.
Qed.

Lemma zr_pow e : Z.leb 0 e -> zr (Z.pow 2 e) = p2 e.
Proof.
move=> /Z.leb_le e0; rewrite -(Z2Nat.id e e0); elim: (Z.to_nat e) => [|k IH]; first by rewrite /zr /p2.
rewrite Nat2Z.inj_succ Z.pow_succ_r ?zrM ?IH; last exact: Nat2Z.is_nonneg.
by rewrite -Z.add_1_l p2D.
Qed.

Lemma zr_shift z e : Z.leb 0 e -> zr (Z.shiftl z e) = zr z * p2 e.
Proof. by move=> h; rewrite Z.shiftl_mul_pow2 ?zrM ?zr_pow //; lia. Qed.

Lemma liftE z e e' : Z.leb e' e -> zr (lift z e e') * p2 e' = zr z * p2 e.
Proof.
by move=> h; rewrite /lift zr_shift; [rewrite -mulrA -p2D; congr (_ * p2 _)|]; lia.
Qed.

Lemma dvD a b : dv (dadd a b) = dv a + dv b.
Proof. by rewrite /dv /= zrD mulrDl !liftE //; lia. Qed.
Lemma dvB a b : dv (dsub a b) = dv a - dv b.
Proof. by rewrite /dv /= zrB mulrBl !liftE //; lia. Qed.
Lemma dvM a b : dv (dmul a b) = dv a * dv b.
Proof. by rewrite /dv /= zrM p2D; ring. Qed.
Lemma dv_half a : dv (dhalf a) = dv a / 2.
Proof. by rewrite /dv /= p2_pred mulrA. Qed.
Lemma dv_abs a : dv (dabs a) = `|dv a|.
Proof. by rewrite /dv /= zr_abs normrM (ger0_norm (p2_ge0 _)). Qed.
Lemma dv_le a b : dleb a b = (dv a <= dv b).
Proof. by rewrite /dleb -zr_le zr0 -[RHS]subr_le0 -dvB /dv pmulr_lle0 ?p2_gt0. Qed.
Lemma dv_lt a b : dltb a b = (dv a < dv b).
Proof. by rewrite /dltb -zr_lt zr0 -[RHS]subr_lt0 -dvB /dv pmulr_llt0 ?p2_gt0. Qed.
Lemma dv_ge0 a : Z.leb Z0 (num a) = (0 <= dv a).
Proof. by rewrite -zr_le zr0 /dv pmulr_lge0 ?p2_gt0. Qed.
Lemma dv_max a b : dv (dmax a b) = Num.max (dv a) (dv b).
Proof. by rewrite /dmax dv_le; case: leP. Qed.
Lemma dv_zero : dv dzero = 0. Proof. by rewrite /dv zr0 mul0r. Qed.

(* rows *)
Definition at_ (x : seq Z) (j : nat) : R := zr (nth Z0 x j).

Lemma at_nil j : at_ [::] j = 0. Proof. by rewrite /at_ nth_nil. Qed.

Lemma dotzE k acc x y : (size x <= k)%N ->
  zr (dotz acc x y) = zr acc + \sum_(j < k) at_ x j * at_ y j.
Proof.
elim: x y acc k => [|a x IH] y acc k /=.
  by move=> _; rewrite big1 ?addr0 // => j _; rewrite at_nil mul0r.
case: y => [|b y]; first by move=> _; rewrite big1 ?addr0 // => j _; rewrite at_nil mulr0.
case: k => // k hk; rewrite (IH _ _ k) // zrD zrM big_ord_recl /= addrA.
by congr (_ + _ + _); apply: eq_bigr.
Qed.

Lemma sumzE k f acc x y : size x = k -> size y = k ->
  zr (sumz f acc x y) = zr acc + \sum_(j < k) zr (f (nth Z0 x j) (nth Z0 y j)).
Proof.
elim: x y acc k => [|a x IH] [|b y] acc k /= <- //; first by rewrite big_ord0 addr0.
by move=> [hy]; rewrite (IH _ _ (size x)) // zrD big_ord_recl /= addrA.
Qed.

Lemma sumabsE k acc x : (size x <= k)%N -> zr (sumabs acc x) = zr acc + \sum_(j < k) `|at_ x j|.
Proof.
elim: x acc k => [|a x IH] acc k /=.
  by move=> _; rewrite big1 ?addr0 // => j _; rewrite at_nil normr0.
case: k => // k hk; rewrite (IH _ k) // zrD zr_abs big_ord_recl /= addrA.
by congr (_ + _ + _); apply: eq_bigr.
Qed.

Lemma size_zip_with (T S P : Type) (f : T -> S -> P) x y :
  size (zip_with f x y) = minn (size x) (size y).
Proof. by elim: x y => [|a x IH] [|b y] //=; rewrite IH minnSS. Qed.

Lemma nth_zip_with (T S P : Type) (f : T -> S -> P) d d1 d2 x y j : (j < size x)%N -> (j < size y)%N ->
  nth d (zip_with f x y) j = f (nth d1 x j) (nth d2 y j).
Proof. by elim: x y j => [|a x IH] [|b y] // [|j] //= hx hy; apply: IH. Qed.

Lemma all2_nth (T S : Type) (p : T -> S -> bool) d1 d2 x y j :
  all2 p x y -> (j < size x)%N -> p (nth d1 x j) (nth d2 y j).
Proof. by elim: x y j => [|a x IH] [|b y] // [|j] /= /andP[pa pr] // h; apply: IH pr h. Qed.

(* grids as matrices *)
Definition entry_ (a : grid) i j : Z := nth Z0 (nth [::] (ints a) i) j.
Definition mx m n (a : grid) : 'M[R]_(m, n) := \matrix_(i, j) (zr (entry_ a i j) * p2 (ex a)).

Definition en (a : grid) i j : R := zr (entry_ a i j) * p2 (ex a).
Definition shape m n (a : grid) :=
  size (ints a) = m /\ forall i, (i < m)%N -> size (nth [::] (ints a) i) = n.

Lemma shapedP m n a : shaped m n a -> shape m n a.
Proof.
rewrite /shaped => /andP[/eqnP hm /allP hn]; split=> // i im.
by apply/eqnP; apply: hn; apply: mem_nth; rewrite hm.
Qed.

Lemma shape_le m n a i : shape m n a -> (size (nth [::] (ints a) i) <= n)%N.
Proof.
by case=> hm hn; have [im|im] := ltnP i m; [rewrite hn|rewrite nth_default // hm].
Qed.

Lemma wideP n a i : wide n a -> (size (nth [::] (ints a) i) <= n)%N.
Proof.
move=> /allP h; have [hi|hi] := ltnP i (size (ints a)); last by rewrite nth_default.
by apply/ssrnat.leP; apply: (proj1 (PeanoNat.Nat.leb_le _ _)); apply: h (mem_nth [::] hi).
Qed.

Lemma mul_trE m n k a b : size (ints a) = m -> size (ints b) = n ->
  (forall i, (size (nth [::] (ints a) i) <= k)%N) ->
  shape m n (mul_tr a b) /\ mx m n (mul_tr a b) = mx m k a *m (mx n k b)^T.
Proof.
move=> ha hb hk; split.
  by split=> [|i im] /=; rewrite ?size_map // (nth_map [::]) ?ha // size_map.
apply/matrixP => i j; rewrite !mxE /entry_ /= (nth_map [::]) ?ha // (nth_map [::]) ?hb //.
rewrite (dotzE _ _ (hk i)) zr0 add0r mulr_suml; apply: eq_bigr => l _.
by rewrite !mxE p2D /at_ /entry_; ring.
Qed.

Lemma gopE m n f (g : R -> R -> R) a b :
  (forall x y, zr (f x y) = g (zr x) (zr y)) -> (forall x y c, g x y * c = g (x * c) (y * c)) ->
  shape m n a -> shape m n b ->
  shape m n (gop f a b) /\ forall i j, mx m n (gop f a b) i j = g (mx m n a i j) (mx m n b i j).
Proof.
move=> hf hg [ha sa] [hb sb]; have row_ c (e : Z) i : (i < size (ints c))%N ->
    nth [::] (regrid c e) i = map (fun z => lift z (ex c) e) (nth [::] (ints c) i).
  by move=> hi; rewrite (nth_map [::]).
split=> [|i j].
  split=> [|i im]; first by rewrite /= size_zip_with !size_map ha hb minnn.
  rewrite /= (nth_zip_with _ _ [::] [::]) ?size_map ?ha ?hb // size_zip_with !row_ ?ha ?hb //.
  by rewrite !size_map sa // sb // minnn.
rewrite !mxE /entry_ /= (nth_zip_with _ _ [::] [::]) ?size_map ?ha ?hb // !row_ ?ha ?hb //.
rewrite (nth_zip_with _ _ Z0 Z0) ?size_map ?sa ?sb // !(nth_map Z0) ?sa ?sb // hf hg !liftE //; lia.
Qed.

Lemma gaddE m n a b : shape m n a -> shape m n b ->
  shape m n (gadd a b) /\ mx m n (gadd a b) = mx m n a + mx m n b.
Proof.
move=> ha hb; have [s e] := gopE (g := +%R) zrD (fun x y c => mulrDl x y c) ha hb.
by split=> //; apply/matrixP => i j; rewrite e !mxE.
Qed.

Lemma gsubE m n a b : shape m n a -> shape m n b ->
  shape m n (gsub a b) /\ mx m n (gsub a b) = mx m n a - mx m n b.
Proof.
move=> ha hb; have [s e] := gopE (g := fun x y => x - y) zrB (fun x y c => mulrBl c x y) ha hb.
by split=> //; apply/matrixP => i j; rewrite e !mxE.
Qed.

Lemma scalarE n s : shape n n (scalar n s) /\ mx n n (scalar n s) = (dv s)%:M.
Proof.
split.
  split=> [|i im]; rewrite /= ?size_mkseq // nth_mkseq // size_ncons /= size_nseq.
  by rewrite -addSnnS subnKC.
apply/matrixP => i j; rewrite !mxE /entry_ /= nth_mkseq // nth_ncons.
have [ij|ij|ij] := ltngtP i j.
- rewrite -(subnSK ij) /= nth_nseq if_same zr0 mul0r.
  by rewrite -val_eqE /= ltn_eqF // mulr0n.
- by rewrite zr0 mul0r -val_eqE /= gtn_eqF // mulr0n.
- by rewrite ij subnn /= -val_eqE /= ij eqxx mulr1n.
Qed.

Lemma own_patch p m (e : p = m) (f : 'I_p -> R) (i : 'I_m) :
  \sum_(k < p | val k == val i) f k = f (cast_ord (esym e) i).
Proof. by rewrite (big_pred1 (cast_ord (esym e) i)) // => k; rewrite -val_eqE. Qed.

Lemma pid_cast k p m r (e : k = m) (ep : p = m) (U : 'M[R]_(k, r)) i j :
  ((pid_mx m : 'M_(p, k)) *m U) (cast_ord (esym ep) i) j = castmx (e, erefl) U i j.
Proof. by case: m / e ep i => ep i; case: k / ep U i => U i; rewrite castmx_id cast_ord_id pid_mx_1 mul1mx. Qed.

Lemma mx_cast k m r (e : k = m) a : shape k r a ->
  shape m r a /\ mx m r a = castmx (e, erefl) (mx k r a).
Proof. by case: m / e; rewrite castmx_id. Qed.

Lemma row_maxE n a : shape n n a -> rows_le (mx n n a) (dv (row_max a)).
Proof.
move=> [hn hr] i; have up s (acc : Z) : zr acc <= zr (foldl (fun m r => Z.max m (sumabs Z0 r)) acc s)
    /\ forall k, (k < size s)%N ->
       zr (sumabs Z0 (nth [::] s k)) <= zr (foldl (fun m r => Z.max m (sumabs Z0 r)) acc s).
  elim: s acc => [|r s IH] acc //=; have [h1 h2] := IH (Z.max acc (sumabs Z0 r)).
  split; first by apply: le_trans h1; rewrite zr_le; lia.
  case=> [|k] hk //=; last exact: h2.
  by apply: le_trans h1; rewrite zr_le; lia.
rewrite /dv /=; under eq_bigr do rewrite mxE normrM (ger0_norm (p2_ge0 _)).
rewrite -mulr_suml ler_wpM2r ?p2_ge0 //.
have [_ /(_ i)] := up (ints a) Z0; rewrite hn => /(_ (ltn_ord i)); apply: le_trans.
by rewrite (sumabsE (k := n)) ?hr // zr0 add0r.
Qed.

Lemma transposeE m n a : shape m n a ->
  shape n m (transpose n a) /\ mx n m (transpose n a) = (mx m n a)^T.
Proof.
case=> hm hn; have [hs ht] : let t := foldr (zip_with cons) (nseq n [::]) (ints a) in
    size t = n /\ forall j, (j < n)%N -> nth [::] t j = map (fun r => nth Z0 r j) (ints a).
  have : forall i, (i < size (ints a))%N -> size (nth [::] (ints a) i) = n by rewrite hm.
  elim: (ints a) => [|r s IH] /= h; first by rewrite size_nseq; split=> // j _; rewrite nth_nseq if_same.
  have hr : size r = n := h 0 isT; have [h1 h2] := IH (fun i => h i.+1).
  split=> [|j jn]; first by rewrite size_zip_with hr h1 minnn.
  by rewrite (nth_zip_with _ _ Z0 [::]) ?hr ?h1 // h2.
split; first by split=> // j jn; rewrite /= ht // size_map.
apply/matrixP => i j; rewrite !mxE /entry_ /= ht // (nth_map [::]) // hm; exact: ltn_ord.
Qed.

Lemma sum_rowsE m n f a b : shape m n a -> shape m n b ->
  zr (sum_rows f Z0 (ints a) (ints b)) = \sum_(i < m) \sum_(j < n) zr (f (entry_ a i j) (entry_ b i j)).
Proof.
rewrite /entry_; move=> [ha ra] [hb rb].
suff go k (x y : seq (seq Z)) acc : size x = k -> size y = k ->
    (forall i, (i < k)%N -> size (nth [::] x i) = n) ->
    (forall i, (i < k)%N -> size (nth [::] y i) = n) ->
    zr (sum_rows f acc x y)
    = zr acc + \sum_(i < k) \sum_(j < n) zr (f (nth Z0 (nth [::] x i) j) (nth Z0 (nth [::] y i) j)).
  by rewrite (go m _ _ _ ha hb ra rb) zr0 add0r.
elim: k x y acc => [|k IH] [|r x] [|s y] //= acc; first by rewrite big_ord0 addr0.
move=> [hx] [hy] hr hs; rewrite (IH _ _ _ hx hy (fun i => hr i.+1) (fun i => hs i.+1)).
by rewrite (sumzE _ _ (hr 0 isT) (hs 0 isT)) big_ord_recl /= addrA.
Qed.

Lemma innerE m n a b : shape m n a -> shape m n b -> dv (inner a b) = dot (mx m n a) (mx m n b).
Proof.
move=> ha hb; rewrite /dv /= (sum_rowsE _ ha hb) p2D mulr_suml; apply: eq_bigr => i _.
by rewrite mulr_suml; apply: eq_bigr => j _; rewrite !mxE zrM; ring.
Qed.

Lemma squaresE m n c x : shape m n c -> shape m n x ->
  dv (squares c x) = \sum_i \sum_j mx m n c i j * mx m n x i j ^+ 2.
Proof.
move=> hc hx; rewrite /dv /= (sum_rowsE _ hc hx) !p2D mulr_suml; apply: eq_bigr => i _.
by rewrite mulr_suml; apply: eq_bigr => j _; rewrite !mxE !zrM; ring.
Qed.

Lemma nonnegP m n c i j : shape m n c -> nonneg c -> (i < m)%N -> (j < n)%N ->
  Z.leb Z0 (entry_ c i j).
Proof.
move=> [hm hn] /allP h im jn; have hi : (i < size (ints c))%N by rewrite hm.
by have /allP h' := h _ (mem_nth [::] hi); apply: h'; rewrite mem_nth // hn.
Qed.

Lemma supportedP m n w c i j : shape m n w -> supported w c -> (i < m)%N -> (j < n)%N ->
  Z.ltb Z0 (entry_ c i j) || Z.eqb (entry_ w i j) Z0.
Proof.
move=> [hm hn] h im jn; apply: (all2_nth (p := fun w c => Z.ltb Z0 c || Z.eqb w Z0)).
  by apply: (all2_nth (p := all2 _)) h _; rewrite hm.
by rewrite hn.
Qed.

Lemma support m n w c (i : 'I_m) (j : 'I_n) :
  shape m n w -> shape m n c -> nonneg c -> supported w c ->
  0 < mx m n c i j \/ mx m n c i j = 0 /\ mx m n w i j = 0.
Proof.
move=> hw hc c0 hs; have h0 := nonnegP hc c0 (ltn_ord i) (ltn_ord j).
have h1 := supportedP hw hs (ltn_ord i) (ltn_ord j); rewrite !mxE.
case e: (Z.ltb Z0 (entry_ c i j)); first by left; rewrite mulr_gt0 ?p2_gt0 // -zr0 zr_lt.
right; move: h1; rewrite e /= => /Z.eqb_eq ->; have -> : entry_ c i j = Z0 by lia.
by rewrite zr0 !mul0r.
Qed.

Lemma ceil_divE a b : Z.ltb Z0 b -> zr a / zr b <= zr (ceil_div a b).
Proof.
move=> b0; have pos : 0 < zr b by rewrite -zr0 zr_lt.
rewrite ler_pdivrMr // -zrM zr_le /ceil_div.
by have := Z.mul_div_le (Z.opp a) b; move: (Z.div _ _) => d; nia.
Qed.

Lemma onesE m n c (i : 'I_m) (j : 'I_n) : shape m n c -> ones c -> mx m n c i j = 1.
Proof.
move=> [hm hn] /andP[/Z.eqb_eq e /allP h]; rewrite mxE /entry_ e.
have hi : (i < size (ints c))%N by rewrite hm.
have /allP row_ := h _ (mem_nth [::] hi).
have hj : nth Z0 (nth [::] (ints c) i) j \in nth [::] (ints c) i by rewrite mem_nth // hn.
by move: (row_ _ hj) => /Z.eqb_eq <-; rewrite /zr /p2 /= mulr1.
Qed.

Lemma squares_over_upE m n w c : shape m n w -> shape m n c -> nonneg c -> supported w c ->
  \sum_i \sum_j mx m n w i j ^+ 2 / mx m n c i j <= dv (squares_over_up w c).
Proof.
move=> hw hc c0 hs; rewrite /squares_over_up; case: ifP => [one|_].
  rewrite (innerE hw hw); apply: ler_sum => i _; apply: ler_sum => j _.
  by rewrite (onesE _ _ hc one) divr1 expr2.
rewrite /dv; set b := Z.add guard _ => /=.
have b0 : Z.leb 0 b by rewrite /b /guard; have := Z.log2_nonneg (foldl (foldl Z.max) Z0 (ints c)); lia.
rewrite (sum_rowsE _ hw hc) mulr_suml; apply: ler_sum => i _.
rewrite mulr_suml; apply: ler_sum => j _.
have h0 := nonnegP hc c0 (ltn_ord i) (ltn_ord j).
have := supportedP hw hs (ltn_ord i) (ltn_ord j); rewrite !mxE.
case e: (Z.ltb Z0 (entry_ c i j)) => /=; last first.
  move=> /Z.eqb_eq ->; have -> : entry_ c i j = Z0 by lia.
  by rewrite Z.shiftl_0_l zr0 !mul0r expr0n mul0r.
move=> _; have := ceil_divE (Z.shiftl (Z.mul (entry_ w i j) (entry_ w i j)) b) e.
rewrite zr_shift // zrM => h; have := ler_wpM2r (p2_ge0 (Z.sub (Z.sub (Z.add (ex w) (ex w)) (ex c)) b)) h.
apply: le_trans; have pc : zr (entry_ c i j) != 0 by rewrite gt_eqF // -zr0 zr_lt.
rewrite !p2B p2D le_eqVlt; apply/orP; left; apply/eqP.
by field; rewrite pc !gt_eqF ?p2_gt0.
Qed.

Lemma zr_nat k : zr (Z.of_nat k) = k%:R.
Proof. by rewrite /zr; have -> : int_of_Z (Z.of_nat k) = k%:Z by lia. Qed.

Lemma dv_nat k : dv (Dy (Z.of_nat k) Z0) = k%:R.
Proof. by rewrite /dv zr_nat /p2 mulr1. Qed.

Lemma zr_pos a : (0 < zr a) = Z.ltb 0 a. Proof. by rewrite -zr_lt zr0. Qed.

Lemma zerosE m n a : zeros a -> mx m n a = 0.
Proof.
move=> /allP h; apply/matrixP => i j; rewrite !mxE /entry_.
have [hi|hi] := ltnP i (size (ints a)); last first.
  by rewrite [nth [::] _ _]nth_default // nth_nil zr0 mul0r.
have /allP hr := h _ (mem_nth [::] hi).
have [hj|hj] := ltnP j (size (nth [::] (ints a) i)); last by rewrite nth_default // zr0 mul0r.
by have /Z.eqb_eq <- := hr _ (mem_nth Z0 hj); rewrite zr0 mul0r.
Qed.

Lemma unit_rowE n : shape 1 n (unit_row n) /\ mx 1 n (unit_row n) = const_mx 1.
Proof.
split; first by split=> // -[|i] //= _; rewrite size_nseq.
by apply/matrixP => i j; rewrite !mxE /entry_ ord1 /= nth_nseq ltn_ord /zr /p2 /= mulr1.
Qed.

Lemma unit_columnE n : shape n 1 (unit_column n) /\ mx n 1 (unit_column n) = const_mx 1.
Proof.
split; first by split=> [|i im] /=; rewrite ?size_nseq // nth_nseq im.
by apply/matrixP => i j; rewrite !mxE /entry_ ord1 /= nth_nseq ltn_ord /zr /p2 /= mulr1.
Qed.

Lemma gscaleE m n s a : shape m n a ->
  shape m n (gscale s a) /\ mx m n (gscale s a) = dv s *: mx m n a.
Proof.
move=> [hm hn]; split.
  by split=> [|i im] /=; rewrite ?size_map // (nth_map [::]) ?hm // size_map hn.
apply/matrixP => i j; rewrite !mxE /entry_ /= (nth_map [::]) ?hm // (nth_map Z0) ?hn //.
by rewrite zrM p2D /dv; ring.
Qed.

Lemma besideE m r s a b : shape m r a -> shape m s b ->
  shape m (r + s) (beside a b) /\ mx m (r + s) (beside a b) = row_mx (mx m r a) (mx m s b).
Proof.
move=> [ha sa] [hb sb]; pose e := Z.min (ex a) (ex b); have ex_ : ex (beside a b) = e by [].
have row_ c i : (i < size (ints c))%N ->
    nth [::] (regrid c e) i = map (fun z => lift z (ex c) e) (nth [::] (ints c) i).
  by move=> hi; rewrite (nth_map [::]).
have cat_ i : (i < m)%N -> nth [::] (ints (beside a b)) i
    = map (fun z => lift z (ex a) e) (nth [::] (ints a) i)
      ++ map (fun z => lift z (ex b) e) (nth [::] (ints b) i).
  by move=> im; rewrite (nth_zip_with _ _ [::] [::]) ?size_map ?ha ?hb // !row_ ?ha ?hb.
split.
  split=> [|i im]; first by rewrite size_zip_with !size_map ha hb minnn.
  by rewrite cat_ // size_cat !size_map sa // sb.
apply/matrixP => i j; rewrite mxE /entry_ cat_ // ex_ nth_cat size_map sa //.
case: (split_ordP j) => k -> /=.
  by rewrite row_mxEl mxE (nth_map Z0) ?sa // liftE // /e; lia.
by rewrite addKn row_mxEr mxE (nth_map Z0) ?sb // liftE // /e; lia.
Qed.

Lemma aboveE m k n a b : shape m n a -> shape k n b ->
  shape (m + k) n (above a b) /\ mx (m + k) n (above a b) = col_mx (mx m n a) (mx k n b).
Proof.
move=> [ha sa] [hb sb]; pose e := Z.min (ex a) (ex b); have ex_ : ex (above a b) = e by [].
have row_ c i : (i < size (ints c))%N ->
    nth [::] (regrid c e) i = map (fun z => lift z (ex c) e) (nth [::] (ints c) i).
  by move=> hi; rewrite (nth_map [::]).
have cat_ i : nth [::] (ints (above a b)) i
    = if (i < m)%N then nth [::] (regrid a e) i else nth [::] (regrid b e) (i - m).
  by rewrite /= nth_cat size_map ha.
split.
  split=> [|i im]; first by rewrite size_cat !size_map ha hb.
  rewrite cat_; case: ltnP => [h|h]; first by rewrite row_ ?ha // size_map sa.
  have h' : (i - m < k)%N by rewrite ltn_subLR.
  by rewrite row_ ?hb // size_map sb.
apply/matrixP => i j; rewrite mxE /entry_ cat_ ex_.
case: (split_ordP i) => l -> /=.
  rewrite col_mxEu mxE row_ ?ha // (nth_map Z0) ?sa // liftE //; rewrite /e; lia.
rewrite addKn col_mxEd mxE row_ ?hb // (nth_map Z0) ?sb // liftE //; rewrite /e; lia.
Qed.

Lemma filledE m n : shape m n (filled m n) /\ mx m n (filled m n) = const_mx 1.
Proof.
split; first by split=> [|i im] /=; rewrite ?size_nseq // nth_nseq im size_nseq.
by apply/matrixP => i j; rewrite !mxE /entry_ /= nth_nseq ltn_ord nth_nseq ltn_ord /zr /p2 /= mulr1.
Qed.

Lemma entrywiseE m n a b : shape m n a -> shape m n b -> shape m n (entrywise a b) /\
  forall i j, mx m n (entrywise a b) i j = mx m n a i j * mx m n b i j.
Proof.
move=> [ha sa] [hb sb]; split=> [|i j].
  split=> [|i im]; first by rewrite /= size_zip_with ha hb minnn.
  by rewrite /= (nth_zip_with _ _ [::] [::]) ?ha ?hb // size_zip_with sa // sb // minnn.
rewrite !mxE /entry_ /= (nth_zip_with _ _ [::] [::]) ?ha ?hb //.
by rewrite (nth_zip_with _ _ Z0 Z0) ?sa ?sb // zrM p2D; ring.
Qed.

Lemma zippedE m n f a b e : shape m n a -> shape m n b ->
  shape m n (Grid (zip_with (zip_with f) (ints a) (ints b)) e) /\
  forall i j, mx m n (Grid (zip_with (zip_with f) (ints a) (ints b)) e) i j
    = zr (f (entry_ a i j) (entry_ b i j)) * p2 e.
Proof.
move=> [ha sa] [hb sb]; split=> [|i j].
  split=> [|i im]; first by rewrite /= size_zip_with ha hb minnn.
  by rewrite /= (nth_zip_with _ _ [::] [::]) ?ha ?hb // size_zip_with sa // sb // minnn.
rewrite !mxE /entry_ /= (nth_zip_with _ _ [::] [::]) ?ha ?hb //.
by rewrite (nth_zip_with _ _ Z0 Z0) ?sa ?sb.
Qed.

Lemma mx_eq0 m n c i j : (mx m n c i j == 0) = Z.eqb (entry_ c i j) Z0.
Proof.
rewrite mxE mulf_eq0 [X in _ || X]gt_eqF ?p2_gt0 // orbF.
by rewrite -zr0 eq_le !zr_le; lia.
Qed.

Lemma mx_ge0 m n c i j : (0 <= mx m n c i j) = Z.leb Z0 (entry_ c i j).
Proof. by rewrite mxE pmulr_lge0 ?p2_gt0 // -zr0 zr_le. Qed.

Lemma mx_gt0 m n c i j : (0 < mx m n c i j) = Z.ltb Z0 (entry_ c i j).
Proof. by rewrite mxE pmulr_lgt0 ?p2_gt0 // -zr0 zr_lt. Qed.

Lemma where_E m n c x : shape m n c -> shape m n x -> shape m n (where_ c x) /\
  forall i j, mx m n c i j != 0 -> mx m n (where_ c x) i j = mx m n x i j.
Proof.
move=> hc hx; have [s e] := zippedE (fun c x => if Z.eqb c Z0 then Z0 else x) (ex x) hc hx.
by split=> // i j; rewrite mx_eq0 e => /negbTE ->; rewrite mxE.
Qed.

Lemma supported_where m n c x : shape m n c -> shape m n x -> nonneg c -> supported (where_ c x) c.
Proof.
rewrite /shape /supported /where_ /nonneg /=; move=> [hm hn] [xm xn] c0.
elim: (ints c) (ints x) m hm hn xm xn c0 => [|r y IH] [|t z] [|m] //= [hm] hn [xm] xn /andP[r0 c0].
apply/andP; split; last by apply: (IH _ m) => // i; [exact: (hn i.+1)|exact: (xn i.+1)].
have: size r = size t by rewrite (hn 0%N) // (xn 0%N).
elim: r t r0 {IH hn xn} => [|a r IH] [|b t] //= /andP[a0 r0] [h]; rewrite IH // andbT.
by case e: (Z.eqb a Z0); rewrite ?orbT //; apply/orP; left; lia.
Qed.

Lemma magnitudesE m n x : shape m n x -> shape m n (magnitudes x) /\
  forall i j, mx m n (magnitudes x) i j = `|mx m n x i j|.
Proof.
move=> [hm hn]; split; first by split=> [|i im] /=; rewrite ?size_map // (nth_map [::]) ?hm // size_map hn.
move=> i j; rewrite !mxE /entry_ /= (nth_map [::]) ?hm // (nth_map Z0) ?hn //.
by rewrite zr_abs normrM (ger0_norm (p2_ge0 _)).
Qed.

Lemma all_entries (p : Z -> bool) m n x i j : shape m n x -> all (all p) (ints x) -> (i < m)%N -> (j < n)%N ->
  p (entry_ x i j).
Proof.
move=> [hm hn] /allP h im jn; have hi : (i < size (ints x))%N by rewrite hm.
by have /allP h' := h _ (mem_nth [::] hi); apply: h'; rewrite mem_nth // hn.
Qed.

Lemma regridE m n a e : Z.leb e (ex a) -> shape m n a ->
  shape m n (Grid (regrid a e) e) /\ mx m n (Grid (regrid a e) e) = mx m n a.
Proof.
move=> he [ha sa]; split.
  by split=> [|i im] /=; rewrite ?size_map // (nth_map [::]) ?ha // size_map sa.
apply/matrixP => i j; rewrite !mxE /entry_ /= (nth_map [::]) ?ha // (nth_map Z0) ?sa //.
exact: liftE.
Qed.

Lemma le_E m n a b : shape m n a -> shape m n b -> le_ a b ->
  forall i j, mx m n a i j <= mx m n b i j.
Proof.
move=> ha hb h i j; have [hs e] := gsubE hb ha; rewrite -subr_ge0.
have -> : mx m n b i j - mx m n a i j = mx m n (gsub b a) i j by rewrite e !mxE.
by rewrite mxE mulr_ge0 ?p2_ge0 // -zr0 zr_le; exact: nonnegP hs h (ltn_ord i) (ltn_ord j).
Qed.

Lemma blankE m n : shape m n (blank m n) /\ mx m n (blank m n) = 0.
Proof.
split; first by split=> [|i im] /=; rewrite ?size_nseq // nth_nseq im size_nseq.
by apply: zerosE; apply/allP => r /nseqP[-> _]; apply/allP => z /nseqP[-> _].
Qed.

Lemma symmetricE n a : shape n n a -> symmetric n a -> (mx n n a)^T = mx n n a.
Proof.
move=> ha h; have [ht <-] := transposeE ha; apply/matrixP => i j; rewrite !mxE /entry_ /=.
have hi : (i < size (ints (transpose n a)))%N by rewrite (proj1 ht).
have h1 := all2_nth (p := all2 Z.eqb) [::] [::] h hi.
have hj : (j < size (nth [::] (ints (transpose n a)) i))%N by rewrite (proj2 ht).
by have /Z.eqb_eq e := all2_nth (p := Z.eqb) Z0 Z0 h1 hj; congr (zr _ * _).
Qed.

Lemma oneE : dv one = 1.
Proof. by rewrite /dv /zr /p2 /= mulr1. Qed.

Lemma minus_oneE : dv minus_one = -1.
Proof. by rewrite /dv /zr /p2 /= mulr1. Qed.

Lemma over_upE x k c : Z.ltb 0 k -> zr k = c -> dv x / c <= dv (over_up x k).
Proof.
move=> k0 <-; have k1 : zr k != 0 by rewrite gt_eqF // zr_pos.
have := ceil_divE (Z.shiftl (num x) guard) k0; rewrite zr_shift // => h.
have := ler_wpM2r (p2_ge0 (Z.sub (dex x) guard)) h; apply: le_trans.
rewrite /dv p2B le_eqVlt; apply/orP; left; apply/eqP.
by field; rewrite k1 gt_eqF ?p2_gt0.
Qed.

Lemma over_downE x k c : Z.ltb 0 k -> zr k = c -> dv (over_down x k) <= dv x / c.
Proof.
move=> k0 <-; have k1 : 0 < zr k by rewrite zr_pos.
have h : zr (Z.div (Z.shiftl (num x) guard) k) <= zr (Z.shiftl (num x) guard) / zr k.
  rewrite ler_pdivlMr // -zrM zr_le.
  by have := Z.mul_div_le (Z.shiftl (num x) guard) k; move: (Z.div _ _) => d; nia.
have := ler_wpM2r (p2_ge0 (Z.sub (dex x) guard)) h; rewrite zr_shift // => {}h.
apply: le_trans h _; rewrite /dv p2B le_eqVlt; apply/orP; left; apply/eqP.
by field; rewrite !gt_eqF ?p2_gt0.
Qed.

Lemma meetsE k r s u : shape k r u -> meets_ s u -> meets s (mx k r u).
Proof.
move=> hu; case: s => //= h i j; rewrite mxE.
  by rewrite mulr_ge0 ?p2_ge0 // -zr0 zr_le; exact: nonnegP hu h (ltn_ord i) (ltn_ord j).
rewrite mulr_le0_ge0 ?p2_ge0 // -zr0 zr_le; move: h => /allP h; case: hu => hk hr.
have hi : (i < size (ints u))%N by rewrite hk.
by have /allP h' := h _ (mem_nth [::] hi); apply: h'; rewrite mem_nth // hr.
Qed.

Lemma nonneg_onE m n s s' x (u : 'cV[R]_m) (v : 'cV[R]_n) : shape m n x -> nonneg_on s s' x ->
  meets s u -> meets s' v -> 0 <= dot u (mx m n x *m v).
Proof.
move=> hx h hu hv; rewrite -dot_outer; apply: sumr_ge0 => i _; apply: sumr_ge0 => j _.
rewrite [(u *m _) i j]mxE big_ord1 [v^T 0 j]mxE.
have pos : meets_ NonNegative x -> 0 <= mx m n x i j by move/(meetsE hx); exact.
have neg : meets_ NonPositive x -> mx m n x i j <= 0 by move/(meetsE hx); exact.
case: s s' h hu hv => -[] //= h hu hv; have := hu i 0; have := hv j 0.
- by move=> v0 u0; rewrite mulr_ge0 ?pos // mulr_ge0.
- by move=> v0 u0; rewrite mulr_le0 ?neg // mulr_ge0_le0.
- by move=> v0 u0; rewrite mulr_le0 ?neg // mulr_le0_ge0.
- by move=> v0 u0; rewrite mulr_ge0 ?pos // mulr_le0.
Qed.

(* tensors: products of vectors, and where their indices stand *)
Lemma nth_pairs (T S P : Type) (f : T -> S -> P) d d1 d2 x y i : (i < size x * size y)%N ->
  nth d (allpairs f x y) i = f (nth d1 x (i %/ size y)) (nth d2 y (i %% size y)).
Proof.
elim: x i => [|a x IH] i //=; rewrite mulSn nth_cat size_map => hi.
case: ltnP => h; first by rewrite divn_small // modn_small // (nth_map d2).
have y0 : (0 < size y)%N by case: (size y) hi => //; rewrite muln0.
rewrite IH; last by rewrite ltn_subLR.
by rewrite -{3 4}(subnKC h) divnDl // divnn y0 modnDl.
Qed.

(* the vectors in grids, 0 behind their ends *)
Definition vectors_in (l : modes) (f : seq grid) (c k i : nat) : R :=
  if (i < (nth (0%N, Free) l k).1)%N then en (nth (Grid [::] Z0) f k) i c else 0.
Lemma product_at_ext l (x y : nat -> nat -> R) i : (i < size_of l)%N ->
  (forall k j, (k < size l)%N -> (j < (nth (0%N, Free) l k).1)%N -> x k j = y k j) -> product_at l x i = product_at l y i.
Proof.
elim: l x y i => [|d l IH] x y i //; rewrite -[size_of _]/(d.1 * size_of l)%N => hi h.
have s0 : (0 < size_of l)%N by case: (size_of l) hi => //; rewrite muln0.
rewrite /= h //=; last by rewrite ltn_divLR.
by congr (_ * _); apply: IH => [|k j hk hj]; [rewrite ltn_mod|apply: h].
Qed.

Definition shapes r (l : modes) (f : seq grid) : Prop := size f = size l /\
  forall k, (k < size l)%N -> shape (nth (0%N, Free) l k).1 r (nth (Grid [::] Z0) f k).

Lemma products_ofE r l f : shapes r l f -> shape (size_of l) r (products_of r f) /\
  forall c, (c < r)%N -> forall i, (i < size_of l)%N -> en (products_of r f) i c = product_at l (vectors_in l f c) i.
Proof.
elim: l f => [|d l IH] [|a f] [] //=.
  move=> _ _; split; first by split=> [|[|]] //= _; rewrite size_nseq.
  by move=> c hc [|] //= _; rewrite /en /entry_ /= nth_nseq hc /zr /p2 mul1r.
case=> sf hf; have sa := hf 0%N isT; have [[hs hr] hx] := IH f (ltac:(by split=> [|k hk]; [case: sf|exact: (hf k.+1)]) : shapes r l f).
set b := products_of r f in hs hr hx *; have [/= ha ra] := sa.
have sz : size (allpairs (zip_with Z.mul) (ints a) (ints b)) = (d.1 * size_of l)%N by rewrite size_allpairs ha hs.
have at_i i : (i < d.1 * size_of l)%N -> [/\ (i %/ size_of l < d.1)%N, (i %% size_of l < size_of l)%N
    & nth [::] (allpairs (zip_with Z.mul) (ints a) (ints b)) i
      = zip_with Z.mul (nth [::] (ints a) (i %/ size_of l)) (nth [::] (ints b) (i %% size_of l))].
  move=> hi; have s0 : (0 < size_of l)%N by case: (size_of l) hi => //; rewrite muln0.
  by rewrite ltn_divLR // ltn_mod s0 (nth_pairs _ _ [::] [::]) ?ha hs.
split.
  split=> // i hi; have [h1 h2 ->] := at_i i hi; by rewrite size_zip_with ra // hr // minnn.
move=> c hc i hi; have [h1 h2 e] := at_i i hi; rewrite /= -hx // {1}/vectors_in /= h1.
rewrite /en /entry_ e (nth_zip_with _ _ Z0 Z0) ?ra ?hr // zrM p2D; ring.
Qed.

Lemma signed_in r l f c : shapes r l f -> signs_ok l f -> (c < r)%N -> signed_by l (vectors_in l f c).
Proof.
move=> [sf hf] ok hc k i; rewrite /vectors_in; case: ltnP => hi; last by case: (nth _ l k).2 => /=.
have hk : (k < size l)%N by rewrite ltnNge; apply/negP => hk; move: hi; rewrite nth_default.
have := meetsE (hf k hk) (_ : meets_ (nth (0%N, Free) l k).2 (nth (Grid [::] Z0) f k)).
move: ok => /(all_nthP ((0%N, Free), Grid [::] Z0))/(_ k); rewrite size_zip sf minnn nth_zip //= => /(_ hk) ok /(_ ok).
by case: (nth _ l k) hi => m [] //= hi /(_ (Ordinal hi) (Ordinal hc)); rewrite mxE.
Qed.
Lemma mode_gridsE one l u k i c : (k < size l)%N -> (i < (nth (0%N, Free) l k).1)%N ->
  en (nth (Grid [::] Z0) (mode_grids one l u) k) i c
  = en u ((if one then 0 else sumn (map fst (take k l))) + i)%N c.
Proof.
elim: l u k => [|d l IH] u [|k] //= hk hi; first by rewrite /en /entry_ /= nth_take //; case: (one).
rewrite IH //; case: (one) => //; by rewrite /en /entry_ /= nth_drop addnA.
Qed.

Lemma mode_grids_shapes one l r k u : shape k r u ->
  (if one then all (eqn k) (map fst l) else eqn (sumn (map fst l)) k) -> shapes r l (mode_grids one l u).
Proof.
elim: l k u => [|d l IH] k u [hs hr] ok //=.
have dk : (d.1 <= k)%N.
  by move: ok; case: (one) => /= [/andP[/eqnP -> _] //|/eqnP <-]; exact: leq_addr.
have [] : shapes r l (mode_grids one l (if one then u else Grid (drop d.1 (ints u)) (ex u))).
  move: ok IH; case: (one) => /= [/andP[_ ok]|/eqnP ok] IH; first by apply: (IH k).
  apply: (IH (k - d.1)%N); last by apply/eqnP; rewrite -ok addKn.
  split=> [|i hi] /=; first by rewrite size_drop hs.
  by rewrite nth_drop hr // -ltn_subRL.
move=> sf hf; split=> /= [|[|j] hj]; [by rewrite sf| |exact: hf].
split=> [|i hi] /=; first by rewrite size_takel // hs.
by rewrite nth_take // hr // (leq_trans hi).
Qed.

Lemma shapes_cat r l l' f : shapes r (l ++ l') f -> shapes r l (take (size l) f) /\ shapes r l' (drop (size l) f).
Proof.
case=> sf hf; rewrite size_cat in sf hf; split; split=> [|k hk].
- by rewrite size_takel // sf leq_addr.
- by rewrite nth_take //; have := hf k (ltn_addr _ hk); rewrite nth_cat hk.
- by rewrite size_drop sf addKn.
rewrite nth_drop; have := hf (size l + k)%N; rewrite ltn_add2l nth_cat [(_ < size l)%N]ltnNge leq_addr /= addKn; exact.
Qed.

Fixpoint term (x : nat -> nat -> R) (a : seq nat) : R :=
  if a is i :: a' then x 0%N i * term (fun j => x j.+1) a' else 1.

Lemma place_ofE l x a : inside_of l a -> (place_of l a < size_of l)%N /\ product_at l x (place_of l a) = term x a.
Proof.
elim: l x a => [|d l IH] x [|i a] //= /andP[/PeanoNat.Nat.ltb_lt/ssrnat.ltP hi /(IH (fun j => x j.+1))[hp e]].
have s0 : (0 < size_of l)%N := leq_ltn_trans (leq0n _) hp.
rewrite divnMDl // divn_small // addn0 modnMDl modn_small // e; split=> //.
by apply: (@leq_trans (i.+1 * size_of l)); [rewrite mulSn addnC ltn_add2r|rewrite leq_mul2r hi orbT].
Qed.

Lemma alike_ge0 l x a b : signed_by l x -> inside_of l a -> inside_of l b -> alike l a b -> 0 <= term x a * term x b.
Proof.
elim: l x a b => [|d l IH] x [|i a] [|j b] // sx; first by rewrite mulr1.
move=> /andP[_ ha] /andP[_ hb] /andP[h1 h2].
have h := IH _ _ _ (fun j => sx j.+1) ha hb h2.
rewrite [term _ _]/= [X in _ * X]/= mulrACA; apply: mulr_ge0 h; case/orP: h1 => [/eqnP ->|]; first by rewrite -expr2 sqr_ge0.
have := sx 0%N i; have := sx 0%N j; rewrite /=; case: d.2 => //= h3 h4 _; first by rewrite mulr_ge0.
by rewrite mulr_le0.
Qed.

Lemma in_order l x a b : inside_of l a -> inside_of l b ->
  term x (zip_with Nat.min a b) * term x (zip_with Nat.max a b) = term x a * term x b.
Proof.
elim: l x a b => [|d l IH] x [|i a] [|j b] //= /andP[_ ha] /andP[_ hb].
rewrite [LHS]mulrACA [RHS]mulrACA (IH (fun j => x j.+1)) //; congr (_ * _).
by have [h|h] := PeanoNat.Nat.le_ge_cases i j;
  rewrite ?(PeanoNat.Nat.min_l _ _ h) ?(PeanoNat.Nat.max_r _ _ h) // (PeanoNat.Nat.min_r _ _ h) (PeanoNat.Nat.max_l _ _ h) mulrC.
Qed.

(* all in order, where all vectors are one *)
Definition same_pairs (l : modes) (x : nat -> nat -> R) : Prop := forall a b, inside_of l a -> inside_of l b ->
  let (c, e) := partner true a b in term x c * term x e = term x a * term x b.

Lemma term_big x a : (forall k i, (k < size a)%N -> x k i = x 0%N i) -> term x a = \prod_(i <- a) x 0%N i.
Proof.
elim: a x => [|i a IH] x h /=; first by rewrite big_nil.
rewrite big_cons; congr (_ * _); case: a IH h => [|i' a] IH h; first by rewrite big_nil.
rewrite (IH (fun j => x j.+1)) => [|k j hk]; last by rewrite !h.
by apply: eq_bigr => j _; rewrite h.
Qed.

Lemma inside_size l a : inside_of l a -> size a = size l.
Proof. by elim: l a => [|d l IH] [|i a] //= /andP[_ /IH ->]. Qed.

Lemma same_pairs_of l x : (forall k i, (k < size l)%N -> x k i = x 0%N i) -> same_pairs l x.
Proof.
move=> h a b /inside_size sa /inside_size sb; rewrite /partner; set c := path.sort _ _.
have sc : size c = (size a + size b)%N by rewrite path.size_sort size_cat.
have s1 : size (take (size a) c) = size l by rewrite size_takel // sc leq_addr.
have s2 : size (drop (size a) c) = size l by rewrite size_drop sc addKn.
rewrite !term_big => [|k i|k i|k i|k i]; rewrite ?s1 ?s2 ?sa ?sb //; try exact: h.
by rewrite -!big_cat /= cat_take_drop; apply: perm_big; rewrite path.perm_sort.
Qed.

Lemma bumpE k x e (i j : 'I_k) v (z : 'cV_k) : shape k k (Grid x e) -> shape k k (Grid (bump x i j v) e) /\
  qf (mx k k (Grid (bump x i j v) e)) z = qf (mx k k (Grid x e)) z + zr v * p2 e * (z i 0 * z j 0).
Proof.
move=> [/= hs hr]; rewrite /bump; split.
  split=> [|l hl] /=; first by rewrite size_set_nth hs; apply/maxn_idPr.
  by rewrite nth_set_nth /=; case: eqP => _; [rewrite size_set_nth hr //; apply/maxn_idPr|rewrite hr].
have -> : mx k k (Grid (bump x i j v) e) = mx k k (Grid x e) + (zr v * p2 e) *: delta_mx i j.
  apply/matrixP => a b; rewrite !mxE /entry_ /= /bump nth_set_nth /= -val_eqE /=.
  case: eqP => [->|_] /=; last by rewrite mulr0 addr0.
  rewrite nth_set_nth /= -val_eqE /=; case: eqP => [->|_]; last by rewrite mulr0 addr0.
  by rewrite zrD mulrDl mulr1.
rewrite qfD qfZ; congr (_ + _ * _); rewrite qf_sum (bigD1 i) //= (bigD1 j) //= mxE !eqxx mul1r.
rewrite big1 => [|b jb]; last by rewrite mxE (negbTE jb) andbF mul0r.
by rewrite big1 ?addr0 // => a ia; rewrite big1 // => b _; rewrite mxE (negbTE ia) mul0r.
Qed.

Lemma bump_bothE k x e (i j : 'I_k) v (z : 'cV_k) : shape k k (Grid x e) -> shape k k (Grid (bump_both x i j v) e) /\
  qf (mx k k (Grid (bump_both x i j v) e)) z
  = qf (mx k k (Grid x e)) z + zr v * p2 e * 2 * (z i 0 * z j 0).
Proof.
move=> hx; have [h1 e1] := bumpE i j v z hx; have [h2 e2] := bumpE j i v z h1; split=> //.
by rewrite e2 e1; ring.
Qed.

Definition on_group (one : bool) x (l : modes) first k (z : 'cV[R]_k) : Prop :=
  [/\ (first + size_of l <= k)%N, signed_by l x, one -> same_pairs l x & forall i : 'I_k, (first <= i)%N ->
      (i - first < size_of l)%N -> z i 0 = product_at l x (i - first)%N].

Lemma on_place one x l first k (z : 'cV_k) a : on_group one x l first z -> inside_of l a ->
  exists i : 'I_k, (first + place_of l a)%N = i /\ z i 0 = term x a.
Proof.
case=> hk _ _ hx /place_ofE -/(_ x)[h e].
have hi : (first + place_of l a < k)%N by apply: leq_trans hk; rewrite ltn_add2l.
by exists (Ordinal hi); split=> //; rewrite hx /= ?addKn ?leq_addr.
Qed.

Lemma placedE one x l first p k (z : 'cV_k) : on_group one x l first z -> all (pair_ok one l p) (entries_at p) ->
  shape k k (placed one l first p k) /\ 0 <= qf (mx k k (placed one l first p k)) z.
Proof.
move=> hz; have [_ sx sp _] := hz; have [hb eb] := blankE k k; rewrite /placed.
have q0 : 0 <= qf (mx k k (Grid (ints (blank k k)) (unit_ex p))) z.
  have -> : mx k k (Grid (ints (blank k k)) (unit_ex p)) = 0.
    apply/matrixP => i j; rewrite mxE [RHS]mxE /entry_ /= !nth_nseq ltn_ord nth_nseq ltn_ord zr0 mul0r //.
  by rewrite /qf mul0mx dot0r.
have at_ a := on_place (a := a) hz.
move: q0; have : shape k k (Grid (ints (blank k k)) (unit_ex p)) by [].
elim: (entries_at p) (ints (blank k k)) => [|[[a b] v] es IH] y hy q0 //= /andP[/and3P[ha hb' ok] hes].
have [i [ei zi]] := at_ a ha; have [j [ej zj]] := at_ b hb'; rewrite ei ej.
have [h1 e1] := bump_bothE i j v z hy.
have [c' [f' [ep tE]]] : exists c f, partner one a b = (c, f) /\ term x c * term x f = term x a * term x b.
  move: sp; rewrite /partner; case: (one) => sp; last by exists (zip_with Nat.min a b), (zip_with Nat.max a b); rewrite (in_order x ha hb').
  have := sp isT a b ha hb'; rewrite /partner; set c' := path.sort _ _ => e.
  by exists (take (size a) c'), (drop (size a) c').
rewrite ep; move: ok; case: (null p); rewrite ?ep => /andP[hc hd]; last first.
  apply: IH => //; rewrite e1 addr_ge0 // zi zj mulr_ge0 ?(alike_ge0 sx ha hb' hd) // !mulr_ge0 ?p2_ge0 //.
  by rewrite -zr0 zr_le.
have [c [ec zc]] := at_ _ hc; have [f [ef zf]] := at_ _ hd; rewrite ec ef.
have [h2 e2] := bump_bothE c f (Z.opp v) z h1; apply: IH => //; rewrite e2 e1 zi zj zc zf tE.
have -> : zr (Z.opp v) = - zr v by have := zrB Z0 v; rewrite zr0 sub0r => <-; congr zr; lia.
by rewrite !mulNr addrK.
Qed.

Lemma with_placedE one k groups (z : 'cV_k) xs : (forall b l first, groups b = Some (l, first) -> on_group one (xs b) l first z) ->
  forall p g g', shape k k g -> with_placed one k groups g p = Some g' ->
  shape k k g' /\ qf (mx k k g) z <= qf (mx k k g') z.
Proof.
move=> hg; elim=> [|x p IH] g g' sg /=; first by case=> <-.
case e: (groups _) => [[l first]|] //; case: ifP => // ok.
have [hs h0] := placedE (hg _ _ _ e) ok; have [ha ea] := gaddE sg hs.
by move/(IH _ _ ha) => [h1 h2]; split=> //; apply: le_trans h2; rewrite ea qfD lerDl.
Qed.

(* exp and log: x of 2^-100, and parts of a unit *)
Definition arg (x : Z) : R := zr x * p2 (Zneg 100).
Definition part (x : Z) : R := zr x / p2 fine.

Lemma unitE : zr unit_ = p2 fine.
Proof. have -> : unit_ = Z.pow 2 fine by vm_compute. by apply: zr_pow. Qed.
Lemma half_E : zr half_ = p2 100.
Proof. have -> : half_ = Z.pow 2 100 by vm_compute. by apply: zr_pow. Qed.
Lemma half_pos : Z.ltb 0 half_. Proof. by vm_compute. Qed.
Lemma fineE : fine = Zpos 200. Proof. by []. Qed.
Lemma reach_small x : Z.leb x reach_ -> Z.ltb x unit_.
Proof. by move=> /Z.leb_le h; apply/Z.ltb_lt; apply: Z.le_lt_trans h _; vm_compute. Qed.
Lemma unit_pos : Z.ltb 0 unit_. Proof. by vm_compute. Qed.
Lemma small_half : Z.leb (Z.add small_ small_) half_. Proof. by vm_compute. Qed.
Definition below_unit (x : Z) : bool := Z.ltb x unit_ && Z.ltb (Z.opp x) unit_.
Lemma steps_small : all (fun s => below_unit (Z.shiftl 1 s)) steps. Proof. by vm_compute. Qed.
Lemma fine_gt0 : 0 < p2 fine. Proof. exact: p2_gt0. Qed.
Opaque unit_ half_ fine reach_ steps small_.
Lemma part_le x y : Z.leb x y -> part x <= part y.
Proof. by rewrite -zr_le => h; rewrite /part ler_pM2r ?invr_gt0 ?fine_gt0. Qed.
Lemma part_ge0 x : Z.leb Z0 x -> 0 <= part x.
Proof. by move/part_le; rewrite {1}/part zr0 mul0r. Qed.
Lemma part_unit : part unit_ = 1.
Proof. by rewrite /part unitE divff // gt_eqF // fine_gt0. Qed.
Lemma partD x y : part (Z.add x y) = part x + part y. Proof. by rewrite /part zrD mulrDl. Qed.

Lemma div_downE a b : Z.ltb 0 b -> zr (Z.div a b) <= zr a / zr b.
Proof.
move=> b0; rewrite ler_pdivlMr ?zr_pos // -zrM zr_le.
by have := Z.mul_div_le a b; move: (Z.div _ _) => d; nia.
Qed.

Lemma div_upE a b : Z.ltb 0 b -> zr a / zr b <= zr (Z.succ (Z.div a b)).
Proof.
move=> b0; rewrite ler_pdivrMr ?zr_pos // -zrM zr_le.
by have := Z.mul_succ_div_gt a b; move: (Z.div _ _) => d; nia.
Qed.

Lemma shift_downE x : zr (Z.shiftr x fine) <= zr x / p2 fine.
Proof. by rewrite -unitE Z.shiftr_div_pow2 //; exact: div_downE. Qed.
Lemma shift_upE x : zr x / p2 fine <= zr (Z.succ (Z.shiftr x fine)).
Proof. by rewrite -unitE Z.shiftr_div_pow2 //; exact: div_upE. Qed.

Lemma mul_downE x y e f : Z.leb Z0 x -> Z.leb Z0 y -> part x <= e -> part y <= f ->
  Z.leb Z0 (mul_down x y) /\ part (mul_down x y) <= e * f.
Proof.
move=> x0 y0 h k; split; first by apply/Z.leb_le/Z.shiftr_nonneg; nia.
apply: (@le_trans _ _ (part x * part y)); last by rewrite ler_pM ?part_ge0.
have h2 := shift_downE (Z.mul x y).
by rewrite /part mulrA ler_pM2r ?invr_gt0 ?fine_gt0 // mulrAC -zrM.
Qed.

Lemma mul_upE x y e f : 0 <= e -> 0 <= f -> e <= part x -> f <= part y -> e * f <= part (mul_up x y).
Proof.
move=> e0 f0 h k; apply: (@le_trans _ _ (part x * part y)); first by rewrite ler_pM.
have h2 := shift_upE (Z.mul x y).
by rewrite /part mulrA ler_pM2r ?invr_gt0 ?fine_gt0 // mulrAC -zrM.
Qed.

Lemma exp_twice k (t : R) : exp (t * p2 (Z.of_nat k.+1)) = exp ((t + t) * p2 (Z.of_nat k)).
Proof.
congr exp; rewrite Nat2Z.inj_succ -Z.add_1_r p2D; have -> : p2 1 = 2 by rewrite /p2 expr1z.
by ring.
Qed.

Lemma times_downE k x t : Z.leb Z0 x -> part x <= exp t ->
  Z.leb Z0 (times k (fun v => mul_down v v) x) /\ part (times k (fun v => mul_down v v) x) <= exp (t * p2 (Z.of_nat k)).
Proof.
elim: k x t => [|k IH] x t x0 h; first by rewrite /p2 expr0z mulr1.
rewrite exp_twice; have [h1 h2] := mul_downE x0 x0 h h; apply: IH => //.
by rewrite exp_add.
Qed.

Lemma times_upE k x t : exp t <= part x -> exp (t * p2 (Z.of_nat k)) <= part (times k (fun v => mul_up v v) x).
Proof.
elim: k x t => [|k IH] x t h; first by rewrite /p2 expr0z mulr1.
by rewrite exp_twice; apply: IH; rewrite exp_add; apply: mul_upE => //; exact: exp_ge0.
Qed.

Lemma argE x : arg x = part x * p2 (Z.of_nat halvings).
Proof.
by rewrite /arg /part -mulrA -p2N -p2D; congr (_ * p2 _); vm_compute.
Qed.

Definition is_below (x v : Z) : Prop := Z.leb Z0 v /\ part v <= exp (arg x).
Definition is_above (x v : Z) : Prop := exp (arg x) <= part v.

Lemma squared_downE x : is_below x (squared_down x).
Proof.
rewrite /is_below argE; apply: times_downE; first by lia.
have [h|h] := Z.leb_spec0 Z0 (Z.add unit_ x).
  by rewrite Z.max_r // partD part_unit; exact: exp_above.
by rewrite Z.max_l; [rewrite /part zr0 mul0r exp_ge0|lia].
Qed.

Lemma squared_upE x : Z.ltb x unit_ -> is_above x (squared_up x).
Proof.
move=> h; rewrite /is_above argE; apply: times_upE; set y := Z.sub unit_ x.
have y0 : Z.ltb 0 y by rewrite /y; lia.
have low : part y <= exp (- part x).
  have -> : part y = 1 + - part x by rewrite -part_unit /part /y zrB mulrBl.
  exact: exp_above.
have e1 : exp (part x) * exp (- part x) = 1 by rewrite -exp_add subrr exp0.
have up := div_upE (Z.mul unit_ unit_) y0; move: (Z.succ _) up => c; rewrite zrM unitE => up.
have y1 : 0 < zr y by rewrite zr_pos.
have one_ : 1 <= part c * part y.
  by rewrite ler_pdivrMr // in up; rewrite /part mulf_div ler_pdivlMr ?mul1r // mulr_gt0 ?fine_gt0.
have py : 0 < part y by rewrite divr_gt0 ?fine_gt0.
have pc : 0 <= part c by rewrite -(pmulr_lge0 _ py) (le_trans ler01 one_).
rewrite -[leLHS]mulr1; apply: le_trans (ler_wpM2l (exp_ge0 _) (le_trans one_ (ler_wpM2l pc low))) _.
by rewrite mulrCA e1 mulr1.
Qed.

Lemma argD x y : arg (Z.add x y) = arg x + arg y. Proof. by rewrite /arg zrD mulrDl. Qed.
Lemma arg_le x y : Z.leb x y -> arg x <= arg y.
Proof. by rewrite -zr_le => h; rewrite /arg ler_wpM2r ?p2_ge0. Qed.
Lemma argN x : arg (Z.opp x) = - arg x. Proof. by rewrite /arg -Z.sub_0_l zrB zr0 sub0r mulNr. Qed.

(* products of what bounds e^x *)
Section Products.
Variables (Q : Z -> Z -> Prop) (mul : Z -> Z -> Z).
Hypothesis Q0 : Q Z0 unit_.
Hypothesis QD : forall x y v w, Q x v -> Q y w -> Q (Z.add x y) (mul v w).

Lemma pickE n x v k y w : Q x v -> Q y w -> let e := pick k (powers mul n x v y w) in Q e.1 e.2.
Proof.
move=> hv; elim: n k y w => [|n IH] k y w hw //=.
by case: ifP => // _; apply: IH; exact: QD.
Qed.

Lemma reduceE (ok : Z -> bool) f l x v y : (forall x, ok x -> Q x (f x)) -> all (fun s => ok (Z.shiftl 1 s)) l ->
  Q y v ->
  let e := reduce mul (map (fun s => let x := Z.shiftl 1 s in (s, powers mul 32 x (f x) Z0 unit_)) l) x v in
  Q (Z.sub (Z.add y x) e.1) e.2.
Proof.
move=> hf; elim: l x v y => [|s l IH] x v y.
  by move=> _ h /=; have -> : Z.sub (Z.add y x) x = y by lia.
rewrite /all -/(all _ _) => /andP[/hf hs hl] h; cbn [reduce map].
case: ifP => _; first exact: IH.
have := pickE 32 (Z.shiftr x s) hs Q0; move: (pick _ _) => e he.
have -> : Z.add y x = Z.add (Z.add y e.1) (Z.sub x e.1) by lia.
by apply: IH => //; exact: QD.
Qed.
End Products.

Section Exponentials.
Variables (Q : Z -> Z -> Prop) (mul : Z -> Z -> Z) (near slow : Z -> Z).
Hypothesis Q0 : Q Z0 unit_.
Hypothesis QD : forall x y v w, Q x v -> Q y w -> Q (Z.add x y) (mul v w).
Hypothesis Qslow : forall x, Z.ltb x unit_ -> Q x (slow x).
Hypothesis Qnear : forall r, Z.leb (Z.abs r) small_ -> Q r (near r).

Lemma exp_byE x : Q x (slow x) -> Q x (exp_by mul (tables mul slow) near slow x).
Proof.
move=> hx; rewrite /exp_by; case: Z.eqb_spec => [->//|_].
set e := reduce _ _ _ _; case: ifP => // /andP[r0 r1].
suff h : Q (Z.sub x (if Z.ltb x Z0 then Z.opp e.1 else e.1)) e.2.
  set r := (if _ then _ else _) in h *; have -> : x = Z.add (Z.sub x r) r by lia.
  by apply: QD => //; apply: Qnear; rewrite /r; case: ifP => _; lia.
rewrite /e {hx e r0 r1}; case: (Z.ltb_spec0 x Z0) => x0.
- have h := @reduceE (fun y v => Q (Z.opp y) v) mul Q0 _ below_unit (fun x => slow (Z.opp x)) steps (Z.abs x) unit_ Z0 _ steps_small Q0.
  have {h} := h _ _; set e := reduce _ _ _ _ => h.
  have -> : Z.sub x (Z.opp e.1) = Z.opp (Z.sub (Z.add Z0 (Z.abs x)) e.1) by lia.
  apply: h => [a b v w hv hw|a /andP[_ ha]]; last exact: Qslow.
  by rewrite Z.opp_add_distr; exact: QD.
- have h := @reduceE Q mul Q0 QD below_unit slow steps (Z.abs x) unit_ Z0 _ steps_small Q0.
  have {h} := h _; set e := reduce _ _ _ _ => h.
  have -> : Z.sub x e.1 = Z.sub (Z.add Z0 (Z.abs x)) e.1 by lia.
  by apply: h => a /andP[ha _]; exact: Qslow.
Qed.
End Exponentials.

Lemma near_downE r : part (near_down r) = 1 + arg r.
Proof.
rewrite /near_down /part zrM zrD half_E /arg fineE -[Zneg 100]/(Z.opp 100) p2N.
have -> : p2 200 = p2 100 * p2 100 by rewrite -p2D.
by move: (p2_gt0 100) => /gt_eqF; move: (p2 100) => w w0; field; rewrite w0.
Qed.

Lemma near_upE r : part (near_up r) = 1 + arg r + 2 * arg r ^+ 2.
Proof.
rewrite /near_up partD near_downE; congr (_ + _).
rewrite partD /part zrM /arg fineE -[Zneg 100]/(Z.opp 100) p2N.
have -> : p2 200 = p2 100 * p2 100 by rewrite -p2D.
by move: (p2_gt0 100) => /gt_eqF; move: (p2 100) => w w0; field; rewrite w0.
Qed.

Lemma arg_half : arg half_ = 1. Proof. by rewrite /arg half_E -p2D. Qed.

Lemma arg_small r : Z.leb (Z.abs r) small_ -> - (1 / 2) <= arg r <= 1 / 2.
Proof.
move=> h; have sh := small_half.
have [h1 h2] : Z.leb (Z.add r r) half_ /\ Z.leb (Z.opp half_) (Z.add r r) by split; lia.
have := arg_le h1; have := arg_le h2; rewrite argN argD arg_half; move: (arg r) => t; lra.
Qed.

Lemma unit_below : is_below Z0 unit_.
Proof. by rewrite /is_below part_unit /arg zr0 mul0r exp0; split=> //; have := unit_pos; lia. Qed.

Lemma exp_downE x : Z.leb Z0 (exp_down x) /\ part (exp_down x) <= exp (arg x).
Proof.
apply: (@exp_byE is_below) => [|a b v w [v0 hv] [w0 hw]|a _|r hr|].
- exact: unit_below.
- by rewrite /is_below argD exp_add; exact: mul_downE.
- exact: squared_downE.
- rewrite /is_below near_downE; split; last exact: exp_above.
  by have := small_half; have := half_pos; rewrite /near_down; nia.
- exact: squared_downE.
Qed.

Lemma exp_upE x : Z.ltb x unit_ -> exp (arg x) <= part (exp_up x).
Proof.
move=> hx; apply: (@exp_byE is_above) => [|a b v w hv hw|a|r hr|].
- by rewrite /is_above part_unit /arg zr0 mul0r exp0.
- by rewrite /is_above argD exp_add; apply: mul_upE => //; exact: exp_ge0.
- exact: squared_upE.
- rewrite /is_above near_upE; have /andP[r1 r2] := arg_small hr; move: (arg r) r1 r2 => t t1 t2.
  have h : 1 - t <= exp (- t) := exp_above (- t); have e1 : exp t * exp (- t) = 1 by rewrite -exp_add subrr exp0.
  have t0 : 0 < 1 - t by lra.
  rewrite -(ler_pM2r t0); apply: (@le_trans _ _ 1); first by rewrite -{2}e1; apply: ler_wpM2l; [exact: exp_ge0|].
  have : 0 <= t ^+ 2 * (1 - 2 * t) by rewrite mulr_ge0 ?sqr_ge0 //; lra.
  by move=> ?; lra.
- exact: squared_upE.
Qed.
Opaque exp_up exp_down.

Lemma arg0 : exp (arg Z0) = 1. Proof. by rewrite /arg zr0 mul0r exp0. Qed.

Lemma anchorE g : Z.ltb Z0 (anchor g).2 /\ part (anchor g).2 <= exp (arg (anchor g).1).
Proof.
rewrite /anchor; case: ifP => h /=; first by have [] := exp_downE g.
by rewrite part_unit arg0; split=> //; exact: unit_pos.
Qed.

Lemma surplusE g x y : Z.leb Z0 x -> Z.ltb Z0 y ->
  zr x <= zr y * exp (arg (anchor g).1) * (1 + arg (surplus (anchor g).2 x y)).
Proof.
move=> x0 y0; have [v0 hv] := anchorE g; move: (anchor g) v0 hv => [k v] /= v0 hv.
have x1 : 0 <= zr x by rewrite -zr0 zr_le.
have y1 : 0 < zr y by rewrite zr_pos.
have v1 : 0 < part v by rewrite divr_gt0 ?fine_gt0 // zr_pos.
have w0 : Z.ltb 0 (Z.mul y v) by nia.
have w1 : 0 < zr y * part v by rewrite mulr_gt0.
have h : zr x / (zr y * part v) <= 1 + arg (surplus v x y).
  have h := ceil_divE (Z.mul half_ (Z.sub (Z.mul x unit_) (Z.mul y v))) w0.
  have {h} := ler_wpM2r (p2_ge0 (Zneg 100)) h; rewrite -/(arg _) -/(surplus v x y) -lerBlDl; apply: le_trans.
  rewrite !zrM zrB !zrM half_E unitE /part -[Zneg 100]/(Z.opp 100) p2N.
  have v2 : zr v != 0 by rewrite gt_eqF // zr_pos.
  move: (p2_gt0 100) (fine_gt0) (y1) v2 => /gt_eqF; move: (p2 100) (p2 fine) (zr x) (zr y) (zr v) => a b c d e a0 /gt_eqF b0 /gt_eqF d0 e0.
  by rewrite le_eqVlt; apply/orP; left; apply/eqP; field; rewrite a0 b0 d0 e0.
have h0 : 0 <= 1 + arg (surplus v x y) by apply: le_trans h; rewrite divr_ge0 // ltW.
rewrite ler_pdivrMr // mulrC in h; apply: le_trans h _; apply: ler_wpM2r => //.
by apply: ler_wpM2l => //; exact: ltW.
Qed.

Lemma log_aboveE x y : Z.leb Z0 x -> Z.leb Z0 y -> Z.ltb Z0 y || Z.leb x Z0 ->
  zr x <= zr y * exp (arg (log_above x y)).
Proof.
move=> x0; rewrite -zr_le zr0 => y0 xy; rewrite /log_above; case: ifP => [/orP[xz|/Z.eqb_eq ->]|/norP[xz _]].
- have -> : x = Z0 by lia.
  by rewrite zr0 mulr_ge0 ?exp_ge0.
- by rewrite arg0 mulr1.
have {}xy : Z.ltb Z0 y by lia.
have := surplusE (log_near x y) x0 xy; move: (anchor _) => g; move: (surplus g.2 x y) => r h1.
have y1 : 0 < zr y * exp (arg g.1) by rewrite mulr_gt0 ?exp_gt0 // zr_pos.
have r0 : Z.leb Z0 (Z.add half_ r).
  rewrite -zr_le zr0 -(pmulr_lge0 _ (p2_gt0 (Zneg 100))) -/(arg _) argD arg_half -(pmulr_rge0 _ y1).
  by apply: le_trans h1; rewrite -zr0 zr_le.
have := surplusE (log_near_one r) r0 half_pos; move: (anchor _) => h; move: (surplus _ _ _) => d h2.
apply: le_trans h1 _; rewrite !argD !exp_add !mulrA -[X in _ <= X]mulrA; apply: ler_wpM2l; first exact: ltW.
have := ler_wpM2r (p2_ge0 (Zneg 100)) h2; rewrite -/(arg _) argD arg_half.
rewrite -[zr half_ * _ * _]mulrA mulrAC -/(arg half_) arg_half mul1r => h3; apply: le_trans h3 _.
by apply: ler_wpM2l; [exact: exp_ge0|exact: exp_above].
Qed.

Lemma log_belowE x y : Z.ltb Z0 x -> Z.leb Z0 y -> zr y * exp (arg (log_below x y)) <= zr x.
Proof.
move=> x0 y0; have := log_aboveE (x := y) (y := x) y0 _ _; rewrite x0 => /(_ _ isT) h.
have {h} := h _; rewrite /log_below argN; move: (log_above _ _) => t h.
have := ler_wpM2r (exp_ge0 (- arg t)) (h _); rewrite -mulrA -exp_add subrr exp0 mulr1; apply; lia.
Qed.

Lemma log_unitE s : 1 <= part s -> part s <= exp (arg (log_above s unit_)) /\ exp (arg (log_below s unit_)) <= part s.
Proof.
move=> h; have s1 : 0 < zr s by rewrite -(pmulr_lgt0 _ (_ : 0 < (p2 fine)^-1)) ?invr_gt0 ?fine_gt0 // (lt_le_trans ltr01 h).
have s0 : Z.ltb Z0 s by rewrite -zr_pos.
have up := unit_pos; have u0 : Z.leb Z0 unit_ by lia.
split; rewrite /part.
  rewrite ler_pdivrMr ?fine_gt0 // -unitE mulrC; apply: log_aboveE => //; lia.
by rewrite ler_pdivlMr ?fine_gt0 // -unitE mulrC; exact: log_belowE.
Qed.
Opaque log_above log_below.

Lemma round_downE r e : arg (round_down r e) <= zr r * p2 e.
Proof.
rewrite /arg /round_down; set k := Z.add e 100; have ek : p2 e = p2 k * p2 (Zneg 100).
  by rewrite -p2D; congr p2; rewrite /k; lia.
rewrite ek mulrA ler_wpM2r ?p2_ge0 //; case: ifP => k0; first by rewrite zr_shift.
have hk : Z.leb 0 (Z.opp k) by lia.
have e1 : zr (Z.shiftl 1 (Z.opp k)) = (p2 k)^-1 by rewrite zr_shift // p2N /zr mul1r.
have b0 : Z.ltb 0 (Z.shiftl 1 (Z.opp k)) by rewrite -zr_pos e1 invr_gt0 p2_gt0.
by have := div_downE r b0; rewrite e1 invrK.
Qed.

Lemma zrN a : zr (Z.opp a) = - zr a.
Proof. by rewrite -Z.sub_0_l zrB zr0 sub0r. Qed.

Lemma round_upE r e : zr r * p2 e <= arg (round_up r e).
Proof.
have := round_downE (Z.opp r) e; rewrite /round_up /arg !zrN !mulNr => h; lra.
Qed.

(* ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|) *)
Lemma softplus_turn (x : R) : 1 + exp x = exp (Num.max 0 x) * (1 + exp (- `|x|)).
Proof.
case: (leP 0 x) => h; rewrite ?(max_r h) ?(max_l (ltW h)).
  by rewrite ger0_norm // mulrDr mulr1 -exp_add subrr exp0 addrC.
by rewrite ltr0_norm // opprK exp0 mul1r.
Qed.

Lemma zr_max0 r e : zr (Z.max Z0 r) * p2 e = Num.max 0 (zr r * p2 e).
Proof. by rewrite (_ : zr _ = Num.max (zr Z0) (zr r)) ?zr0 ?maxr_pMl ?mul0r ?p2_ge0 //; case: (leP (zr Z0) (zr r)); rewrite ?zr_le ?zr_lt => h; congr zr; lia. Qed.

Lemma zr_size r e : zr (Z.opp (Z.abs r)) * p2 e = - `|zr r * p2 e|.
Proof. by rewrite zrN zr_abs normrM (ger0_norm (p2_ge0 e)) mulNr. Qed.

Lemma round_small x e : Z.leb x 0 -> Z.ltb (round_up x e) unit_.
Proof.
move=> x0; have fg := fine_gt0; rewrite -unitE in fg; rewrite -zr_lt; apply: le_lt_trans fg.
suff : arg (round_up x e) <= 0 by rewrite /arg pmulr_lle0 // p2_gt0.
rewrite /round_up /arg zrN mulNr oppr_le0 mulr_ge0 ?p2_ge0 // -zr0 zr_le.
rewrite /round_down; case: ifP => k0.
  by rewrite Z.shiftl_mul_pow2; [apply/Z.leb_le; have := Z.pow_nonneg 2 (Z.add e 100); nia|lia].
by apply/Z.leb_le; apply: Z.div_pos; [lia|rewrite Z.shiftl_1_l; apply: Z.pow_pos_nonneg; lia].
Qed.

Lemma softplus_upE r e : log (1 + exp (zr r * p2 e)) <= arg (softplus_up r e).
Proof.
apply: log_le; first exact: above1.
rewrite softplus_turn /softplus_up; set x := zr r * p2 e; set v := exp_up _; set s := Z.add unit_ v.
have ev : exp (- `|x|) <= part v.
  have h := round_upE (Z.opp (Z.abs r)) e; rewrite zr_size in h.
  by apply: le_trans (exp_le h) (exp_upE (round_small _ _)); lia.
have v0 : 0 <= part v by apply: le_trans ev; exact: exp_ge0.
set t := log_above _ _; have ht : 1 + part v <= exp (arg t).
  rewrite -part_unit -partD; apply: (proj1 (log_unitE _)).
  by rewrite partD part_unit lerDl.
have -> : arg (Z.add (round_up (Z.max Z0 r) e) t) = arg (round_up (Z.max Z0 r) e) + arg t.
  exact: argD.
rewrite exp_add; apply: ler_pM; rewrite ?exp_ge0 ?(ltW (above1 _)) //.
  apply: exp_le; have := round_upE (Z.max Z0 r) e; by rewrite zr_max0.
by apply: le_trans ht; rewrite lerD2l.
Qed.

Lemma softplus_downE r e : arg (softplus_down r e) <= log (1 + exp (zr r * p2 e)).
Proof.
apply: log_ge; first exact: above1.
rewrite softplus_turn /softplus_down; set x := zr r * p2 e; set v := exp_down _; set s := Z.add unit_ v.
have ev : part v <= exp (- `|x|).
  have h := round_downE (Z.opp (Z.abs r)) e; rewrite zr_size in h.
  by apply: le_trans (exp_le h); have [] := exp_downE (round_down (Z.opp (Z.abs r)) e).
have v0 : 0 <= part v by apply: part_ge0; have [] := exp_downE (round_down (Z.opp (Z.abs r)) e).
set t := log_below _ _; have ht : exp (arg t) <= 1 + part v.
  rewrite -part_unit -partD; apply: (proj2 (log_unitE _)).
  by rewrite partD part_unit lerDl.
have -> : arg (Z.add (round_down (Z.max Z0 r) e) t) = arg (round_down (Z.max Z0 r) e) + arg t.
  exact: argD.
rewrite exp_add; apply: ler_pM; rewrite ?exp_ge0 //.
  apply: exp_le; have := round_downE (Z.max Z0 r) e; by rewrite zr_max0.
by apply: le_trans ht _; rewrite lerD2l.
Qed.

(* the ends of a class's loss: ln(sum e^z) - z = ln(sum e^(z - top)) + top - z *)
Lemma highestE r j : (j < size r)%N ->
  Z.leb (nth Z0 r j) (highest r) /\ exists2 k, (k < size r)%N & nth Z0 r k = highest r.
Proof.
case: r => // a r jr; have [h1 h2] : (forall k, (k < size (a :: r))%N -> Z.leb (nth Z0 (a :: r) k) (foldr Z.max a r))
  /\ exists2 k, (k < size (a :: r))%N & nth Z0 (a :: r) k = foldr Z.max a r; last by split; [exact: h1|].
elim: r {j jr} => [|b r [IH1 [k hk IH2]]].
  by split=> [[|k]|] //=; [move=> _; exact: Z.leb_refl|exists 0%N].
rewrite -[foldr _ _ (b :: r)]/(Z.max b (foldr Z.max a r)); set M := foldr _ _ _ in IH1 IH2 *.
split=> [[|[|i]] hi|].
- have := IH1 0%N isT; rewrite /= => h; lia.
- rewrite /=; lia.
- have := IH1 i.+1 hi; rewrite /= => h; lia.
case: (Z.max_spec b M) => -[_ ->]; last by exists 1%N.
by case: k hk IH2 => [|k] hk IH2; [exists 0%N|exists k.+2].
Qed.

Lemma class_endsE up e r n (j : 'I_n) : size r = n ->
  if up then log (\sum_(k < n) exp (at_ r k * p2 e)) - at_ r j * p2 e <= arg (nth Z0 (class_ends up e r) j)
  else arg (nth Z0 (class_ends up e r) j) <= log (\sum_(k < n) exp (at_ r k * p2 e)) - at_ r j * p2 e.
Proof.
move=> hr; rewrite /class_ends (nth_map Z0) ?hr //; set top := highest r; set s := Z.max _ _.
have low (k : 'I_n) : Z.leb (Z.sub (nth Z0 r k) top) 0.
  by have := @highestE r k; rewrite hr => /(_ (ltn_ord k))[+ _]; rewrite -/top; lia.
pose T := zr top * p2 e; pose S := \sum_(k < n) exp (zr (Z.sub (nth Z0 r k) top) * p2 e).
have eS : \sum_(k < n) exp (at_ r k * p2 e) = exp T * S.
  by rewrite /S mulr_sumr; apply: eq_bigr => k _; rewrite -exp_add zrB mulrBl addrC subrK.
have S1 : 1 <= S.
  have [_ [k kn ek]] := highestE (ltac:(rewrite hr; exact: ltn_ord) : (j < size r)%N); rewrite hr in kn.
  rewrite /S (bigD1 (Ordinal kn)) //= ek Z.sub_diag zr0 mul0r exp0 lerDl.
  by apply: sumr_ge0 => i _; exact: exp_ge0.
have s1 : 1 <= part s by rewrite -part_unit; apply: part_le; rewrite /s; lia.
have sumE f : part (sumz (fun z _ => f z) Z0 r r) = \sum_(k < n) part (f (nth Z0 r k)).
  by rewrite {1}/part (sumzE _ _ hr hr) zr0 add0r mulr_suml.
have S0 : 0 < S by exact: lt_le_trans ltr01 S1.
have hs : if up then S <= part s else part s <= S.
  rewrite /s; case: (up).
    apply: le_trans (_ : part (sumz _ _ _ _) <= _); last by apply: part_le; apply/Z.leb_le; exact: Z.le_max_r.
    rewrite sumE; apply: ler_sum => k _; apply: le_trans (exp_upE (round_small _ (low k))).
    by apply: exp_le; exact: round_upE.
  case: (Z.max_spec unit_ (sumz (fun z _ => exp_down (round_down (Z.sub z top) e)) Z0 r r)) => -[_ ->]; last by rewrite part_unit.
  rewrite sumE; apply: ler_sum => k _; apply: le_trans (exp_le (round_downE _ _)).
  by have [] := exp_downE (round_down (Z.sub (nth Z0 r k) top) e).
have [h1 h2] := log_unitE s1; have P0 : 0 < exp T * S by rewrite mulr_gt0 ?exp_gt0.
have ht : zr (Z.sub top (nth Z0 r j)) * p2 e = T - at_ r j * p2 e by rewrite zrB mulrBl.
rewrite eS; case: (up) hs => hs; rewrite argD.
  have hl : log (exp T * S) <= T + arg (log_above s unit_).
    by apply: log_le => //; rewrite exp_add ler_pM2l ?exp_gt0 //; exact: le_trans hs h1.
  by have := round_upE (Z.sub top (nth Z0 r j)) e; rewrite ht; move: (log _) (arg _) (arg _) hl => *; lra.
have hl : T + arg (log_below s unit_) <= log (exp T * S).
  by apply: log_ge => //; rewrite exp_add ler_pM2l ?exp_gt0 //; exact: le_trans h2 hs.
by have := round_downE (Z.sub top (nth Z0 r j)) e; rewrite ht; move: (log _) (arg _) (arg _) hl => *; lra.
Qed.

(* the ends of a count's loss *)
Lemma count_poissonE (l : loss_form dyadic) up e s z y : signed l -> Z.leb e 0 -> Z.leb (round_up z e) reach_ ->
  if up then entry_loss (@Poisson R) s (zr z * p2 e) (zr y * p2 e) <= zr (count_end l up e z y) * p2 (count_unit l e)
  else zr (count_end l up e z y) * p2 (count_unit l e) <= entry_loss (@Poisson R) s (zr z * p2 e) (zr y * p2 e).
Proof.
move=> sl e0 hz; set k := if up then exp_up (round_up z e) else exp_down (round_down z e).
have -> : zr (count_end l up e z y) * p2 (count_unit l e) = part k - zr z * p2 e * (zr y * p2 e).
  rewrite /count_end /count_unit sl -/k; move: k => k.
  have e2 : p2 (Z.sub (Z.add e e) 200) = p2 e * p2 e / p2 fine by rewrite p2B p2D -fineE.
  have e3 : zr (Z.shiftl k (Z.opp (Z.add e e))) * (p2 e * p2 e) = zr k.
    rewrite zr_shift; last by lia.
    rewrite -p2D -mulrA -p2D; have -> : Z.add (Z.opp (Z.add e e)) (Z.add e e) = Z0 by lia.
    by rewrite -[p2 Z0]/(1 : R) mulr1.
  rewrite e2 zrB mulrBl; congr (_ - _); first by rewrite mulrA e3.
  by rewrite !zrM unitE; move: fine_gt0 => /gt_eqF; move: (p2 fine) => w w0; field; rewrite w0.
rewrite /entry_loss /k [zr y * _ * _]mulrC {k}; case: up; rewrite lerD2r.
  by apply: le_trans (exp_le (round_upE z e)) _; exact: exp_upE (reach_small hz).
by apply: le_trans (exp_le (round_downE z e)); have [] := exp_downE (round_down z e).
Qed.

Lemma count_divergenceE (l : loss_form dyadic) up e s z y : ~~ signed l -> Z.leb 0 y -> Z.leb 0 z ->
  Z.ltb 0 z || Z.eqb y 0 ->
  if up then entry_loss (@KullbackLeibler R) s (zr z * p2 e) (zr y * p2 e) <= zr (count_end l up e z y) * p2 (count_unit l e)
  else zr (count_end l up e z y) * p2 (count_unit l e) <= entry_loss (@KullbackLeibler R) s (zr z * p2 e) (zr y * p2 e).
Proof.
move=> /negbTE sl y0 z0 hz; rewrite /count_end /count_unit sl.
set t := if Z.leb y 0 then _ else _; have -> : p2 (Z.sub e 100) = p2 e / p2 100 by rewrite p2B.
have -> : zr (Z.add (Z.mul (Z.sub z y) half_) (Z.mul y t)) * (p2 e / p2 100)
    = zr z * p2 e - zr y * p2 e + zr y * p2 e * arg t.
  rewrite /arg zrD !zrM zrB half_E -[Zneg 100]/(Z.opp 100) p2N.
  by move: (p2_gt0 100) => /gt_eqF; move: (p2 100) => w w0; field; rewrite w0.
rewrite {}/t; case: (boolP (Z.leb y 0)) => [yz|yp].
  have -> : y = Z0 by lia.
  by rewrite zr0 !mul0r !addr0 !subr0 /= !mul0r addr0 !subr0; case: up.
have {}yp : Z.ltb 0 y by lia.
have {}hz : Z.ltb 0 z by move: hz => /orP[//|/Z.eqb_eq h]; lia.
have p0 := p2_gt0 e; have y1 : 0 < zr y * p2 e by rewrite mulr_gt0 // zr_pos.
have z1 : 0 < zr z * p2 e by rewrite mulr_gt0 // zr_pos.
have es := exp_log z1; rewrite /=; set a := log _ in es *; set b := log _.
suff h k : k = b - a -> zr z * p2 e - zr y * p2 e + zr y * p2 e * k = zr z * p2 e - zr y * p2 e * a + zr y * p2 e * b - zr y * p2 e.
  rewrite -(h (b - a)) //; case: (up); rewrite lerD2l ler_pM2l // ?lerBlDl ?lerBrDl.
    apply: log_le => //; rewrite exp_add es mulrAC ler_pM2r //; apply: log_aboveE => //; last by rewrite hz.
  apply: log_ge => //; rewrite exp_add es mulrAC ler_pM2r //; exact: log_belowE.
by move=> ->; move: (zr y * p2 e) (zr z * p2 e) => *; ring.
Qed.

Section Main.
Variable mul : grid -> grid -> grid.
Hypothesis mulE : forall a b, mul a b = mul_tr a b.

Lemma productE m n k a b : shape m k a -> shape n k b ->
  shape m n (mul a b) /\ mx m n (mul a b) = mx m k a *m (mx n k b)^T.
Proof.
by move=> ha hb; rewrite mulE; apply: (mul_trE (proj1 ha) (proj1 hb) (fun i => shape_le i ha)).
Qed.

Lemma topE k g l sh (z : 'cV_k) : shape k k g -> (mx k k g)^T = mx k k g ->
  qf (mx k k g) z <= dv (top mul k g l sh) * sq z.
Proof.
move=> sg sym; have plain : qf (mx k k g) z <= dv (row_max g) * sq z.
  by apply: gershgorin => //; exact: row_maxE.
rewrite /top; case: l => [l|] //; case: ifP => // /andP[/eqnP hl wl].
rewrite /dmin; case: ifP => // _; rewrite mulE dvD.
have [sl el] := mul_trE hl hl (fun i => wideP i wl).
have [sa ea] := gaddE sg sl; have [ss es] := scalarE k sh; have [se ee] := gsubE ss sa.
apply: (@residual_le R k k _ _ (mx k k l)); last exact: row_maxE se.
  by rewrite ee es ea el linearB /= tr_scalar_mx linearD /= sym trmx_mul trmxK.
by rewrite ee es ea el; apply/matrixP => i j; rewrite !mxE; ring.
Qed.

Lemma gram_top k n x l sh (z : 'cV_k) : shape k n x ->
  qf (mx k n x *m (mx k n x)^T) z <= dv (top mul k (mul x x) l sh) * sq z.
Proof.
move=> hx; have [sg eg] := productE hx hx; rewrite -eg; apply: topE => //.
by rewrite eg trmx_mul trmxK.
Qed.

(* where F z >= 0 *)
Definition on_cone h k f (z : 'cV[R]_k) := forall i, 0 <= (mx h k f *m z) i 0.

Lemma on_above h l k f g (z : 'cV_k) : shape h k f -> shape l k g -> on_cone h f z -> on_cone l g z ->
  on_cone (h + l) (above f g) z.
Proof.
move=> hf hg of_ og i; have [_ ->] := aboveE hf hg; rewrite mul_col_mx.
by case: (split_ordP i) => j ->; rewrite ?col_mxEu ?col_mxEd.
Qed.

(* and where products of two of its entries are 0 *)
Definition on_facts c h k f (z : 'cV[R]_k) := on_cone h f z /\
  forall i j : 'I_h, free c i j -> (mx h k f *m z) i 0 * (mx h k f *m z) j 0 = 0.

Lemma freeP c i j : free c i j -> (i < c)%N /\ j = (i + c)%N \/ (j < c)%N /\ i = (j + c)%N.
Proof.
by case/orP => /andP[/PeanoNat.Nat.ltb_lt /ssrnat.ltP h /eqnP e]; [left|right].
Qed.

Lemma on_facts0 h k f (z : 'cV_k) : on_cone h f z -> on_facts 0 h f z.
Proof. by move=> hz; split=> // i j /freeP[] []. Qed.

Lemma on_facts_above c h l k f g (z : 'cV_k) : (c + c <= h)%N -> shape h k f -> shape l k g ->
  on_facts c h f z -> on_cone l g z -> on_facts c (h + l) (above f g) z.
Proof.
move=> ch hf hg [of_ zero] og; split; first exact: on_above.
move=> i j; have [_ ->] := aboveE hf hg; rewrite mul_col_mx.
have low (x : 'I_(h + l)) : (x < c + c)%N -> exists y : 'I_h, x = lshift l y.
  by move=> hx; exists (Ordinal (leq_trans hx ch)); apply: val_inj.
move=> ij; have [hi hj] : (i < c + c)%N /\ (j < c + c)%N.
  by case/freeP: ij => -[h1 ->]; split; rewrite ?ltn_add2r // ltn_addl.
have [i' ei] := low i hi; have [j' ej] := low j hj; rewrite ei ej !col_mxEu; apply: zero.
by rewrite ei ej in ij.
Qed.

Lemma nonneg_butP c b x i j : nonneg_but c b x -> (i < size x)%N -> (j < size (nth [::] x i))%N ->
  Z.leb Z0 (nth Z0 (nth [::] x i) j) || free c (b + i) j.
Proof.
have row_ p r d l : nonneg_row p d r -> (l < size r)%N -> Z.leb Z0 (nth Z0 r l) || p (d + l)%N.
  elim: r d l => [|z r IH] d l //= /andP[h1 h2]; case: l => [|l] hl; first by rewrite addn0.
  by have := IH _ _ h2 hl; rewrite addSnnS.
elim: x b i => [|r x IH] b i //= /andP[h1 h2]; case: i => [|i] hi hj; rewrite ?addn0.
  exact: row_ h1 hj.
by have := IH _ _ h2 hi hj; rewrite addSnnS.
Qed.

Lemma with_factsE c h k g f n g' : shape k k g -> (mx k k g)^T = mx k k g -> shape h k f ->
  with_facts mul c k g f n = Some g' -> [/\ shape k k g', (mx k k g')^T = mx k k g'
    & forall z : 'cV_k, on_facts c h f z -> qf (mx k k g) z <= qf (mx k k g') z].
Proof.
move=> sg sym hf; rewrite /with_facts; case: n => [n|]; last by case=> <-.
rewrite (proj1 hf); case: ifP => // /and3P[/shapedP hn n0 hs] [<-].
have [ht et] := transposeE hf; have [h1 e1] := productE ht hn; have [h2 e2] := productE ht h1.
set y := mul (transpose k f) (mul (transpose k f) n) in h2 e2 *.
have {}e2 : mx k k y = (mx h k f)^T *m mx h h n *m mx h k f by rewrite e2 e1 et trmx_mul !trmxK mulmxA.
have [h3 e3] := gaddE sg h2; split=> //.
  by rewrite e3 linearD /= sym e2 !trmx_mul trmxK (symmetricE hn hs) mulmxA.
move=> z [hz zero]; rewrite e3 qfD lerDl e2 qf_congr qf_sum; apply: sumr_ge0 => i _; apply: sumr_ge0 => j _.
have [hn1 hn2] := hn; have := nonneg_butP n0 (i := i) (j := j); rewrite hn1 hn2 // add0n.
move=> /(_ (ltn_ord i) (ltn_ord j)) /orP[pos|/zero ->]; last by rewrite mulr0.
by rewrite mulr_ge0 ?mulr_ge0 // mxE mulr_ge0 ?p2_ge0 // -zr0 zr_le.
Qed.

Lemma form_topE c h k g f p t (z : 'cV_k) : shape k k g -> (mx k k g)^T = mx k k g -> shape h k f ->
  on_facts c h f z -> form_top mul c k g f p = Some t -> qf (mx k k g) z <= dv t * sq z.
Proof.
move=> sg sym hf hz; rewrite /form_top; case e: (with_facts _ _ _ _ _ _) => [g'|] // [<-].
have [sg' sym' le_] := with_factsE sg sym hf e; exact: le_trans (le_ z hz) (topE _ _ z sg' sym').
Qed.

(* trees of cases *)
Fixpoint all_hold (P : step -> Prop) (path : seq step) : Prop :=
  if path is s :: path' then P s /\ all_hold P path' else True.

Lemma all_hold_rcons P path s : all_hold P path -> P s -> all_hold P (rcons path s).
Proof. by elim: path => //= s' path IH [h1 h2] h; split=> //; exact: IH. Qed.

Lemma all_hold_nth P s0 path i : all_hold P path -> (i < size path)%N -> P (nth s0 path i).
Proof. by elim: path i => //= s path IH [|i] [h1 h2] hi //; exact: IH. Qed.

Lemma worstE (H S T : Type) (split : H -> S -> option (H * H)) (fact : H -> S -> option H)
    (proved : H -> T -> option dyadic) (P : H -> Prop) (le_ : R -> Prop) :
  (forall x y, x <= y -> le_ x -> le_ y) ->
  (forall h s h' h'', P h -> split h s = Some (h', h'') -> P h' \/ P h'') ->
  (forall h s h', P h -> fact h s = Some h' -> P h') ->
  (forall h p t, P h -> proved h p = Some t -> le_ (dv t)) ->
  forall (t : tree S T) h x, P h -> worst split fact proved h t = Some x -> le_ (dv x).
Proof.
move=> more both true_ ends; elim=> [p|s t IH t' IH'|s t IH] h x hp /=; first exact: ends.
  2: by case e: (fact _ _) => [h'|] //; apply: IH; exact: true_ hp e.
case e0: (split _ _) => [[h' h'']|] //; case e: (worst _ _ _ h' t) => [y|] //.
case e': (worst _ _ _ h'' t') => [y'|] // [<-]; rewrite dv_max; case: (both _ _ _ _ hp e0) => hs.
  by apply: more (IH _ _ hs e); rewrite le_max lexx.
by apply: more (IH' _ _ hs e'); rewrite le_max lexx orbT.
Qed.

Lemma sidesE (known : plane -> bool) (P : step -> Prop) : (forall s, known s -> P (s, true) \/ P (s, false)) ->
  forall path s h h', all_hold P path -> sides known path s = Some (h, h') -> all_hold P h \/ all_hold P h'.
Proof.
move=> both path s h h' hp; rewrite /sides; case: ifP => // /both hs [<- <-].
by case: hs => hs; [left|right]; exact: all_hold_rcons.
Qed.

Definition on_side k (row : plane -> grid) (z : 'cV[R]_k) (s : step) : Prop :=
  shape 1 k (row s.1) /\ if s.2 then 0 <= (mx 1 k (row s.1) *m z) 0 0 else (mx 1 k (row s.1) *m z) 0 0 <= 0.

Lemma sideE k row (z : 'cV_k) s : on_side row z s -> shape 1 k (side row s) /\ on_cone 1 (side row s) z.
Proof.
case: s => s [] [/= hs h] /=; rewrite /side /=; first by split=> // i; rewrite ord1.
have [hm em] := gscaleE minus_one hs; split=> // i.
by rewrite ord1 em minus_oneE scaleN1r mulNmx mxE oppr_ge0.
Qed.

Lemma factsE c h k row f path (z : 'cV_k) : (c + c <= h)%N -> shape h k f -> on_facts c h f z ->
  all_hold (on_side row z) path ->
  exists h', shape h' k (facts row f path) /\ on_facts c h' (facts row f path) z.
Proof.
elim: path h f => [|s path IH] h f ch hf of_; first by exists h.
move=> [/sideE[hs os] hp]; have [h1 _] := aboveE hf hs.
by apply: (IH (h + 1)%N) => //; [rewrite (leq_trans ch) ?leq_addr|exact: on_facts_above].
Qed.

Section Splits.
Variables (same : bool) (k : nat) (splits : seq split) (groups : bool -> option (modes * nat)) (z : 'cV[R]_k).
Variable xs : bool -> nat -> nat -> R.
Hypothesis on_groups : forall b l first, groups b = Some (l, first) -> on_group same (xs b) l first z.

Definition others (x : nat -> nat -> R) i r := term x (take i r) * term (fun j => x (i.+1 + j)%N) (drop i r).
Lemma insertE x i c r : (i <= size r)%N -> term x (insert_at i c r) = x i c * others x i r.
Proof.
rewrite /insert_at /others; elim: i x r => [|i IH] x r; first by rewrite take0 drop0 mul1r.
by case: r => [|a r] //= h; rewrite (IH (fun j => x j.+1)) //; ring.
Qed.

Fixpoint weigh (h : seq nat -> R) (rests : seq (seq nat)) (f : seq Z) : R :=
  match rests, f with r :: rests', a :: f' => zr a * h r + weigh h rests' f' | _, _ => 0 end.
Lemma gatheredE (place : seq nat -> nat) h rests f row : size row = k ->
  {in rests, forall r, exists i : 'I_k, place r = i /\ z i 0 = h r} ->
  size (gathered place row rests f) = k /\
  \sum_(j < k) at_ (gathered place row rests f) j * z j 0 = \sum_(j < k) at_ row j * z j 0 + weigh h rests f.
Proof.
elim: rests f row => [|r rests IH] [|a f] row hs hp; rewrite ?addr0 //=.
have [i [-> zi]] := hp r (mem_head _ _); set row' := set_nth _ _ _ _.
have hs' : size row' = k by rewrite size_set_nth hs; apply/maxn_idPr.
have [|h1 ->] := IH f row' hs'; first by move=> r' hr; apply: hp; rewrite inE hr orbT.
split=> //; rewrite addrA; congr (_ + _); rewrite -zi (bigD1 i) //= [in RHS](bigD1 i) //=.
rewrite /at_ /row' nth_set_nth /= eqxx zrD mulrDl -!addrA; congr (_ + _); rewrite addrC; congr (_ + _).
by apply: eq_bigr => j ji; rewrite nth_set_nth /=; case: eqP => // /val_inj e; rewrite e eqxx in ji.
Qed.

Lemma gatherE x l first i d rs f e : on_group same x l first z -> all (rest_ok l i d) rs ->
  shape d k (gather l first k i d rs f e) /\
  exists s, mx d k (gather l first k i d rs f e) *m z = s *: \col_(c < d) x i c.
Proof.
move=> hz /allP ok; have go (c : 'I_d) := gatheredE (place := fun r => (first + place_of l (insert_at i c r))%N)
  (h := fun r => x i c * others x i r) (rests := rs) f (row := nseq k Z0) (size_nseq _ _).
have {}go (c : 'I_d) : size (gathered (fun r => (first + place_of l (insert_at i c r))%N) (nseq k Z0) rs f) = k /\
    \sum_(j < k) at_ (gathered (fun r => (first + place_of l (insert_at i c r))%N) (nseq k Z0) rs f) j * z j 0
    = x i c * weigh (others x i) rs f.
  case: (go c) => [r /ok /andP[/PeanoNat.Nat.leb_le/ssrnat.leP hi /allP hr]|-> ->].
    have := on_place hz (hr c _); rewrite mem_iota /= add0n => /(_ (ltn_ord c)) [j [ej zj]].
    by exists j; rewrite zj insertE.
  split=> //; rewrite big1 => [|j _]; last by rewrite /at_ nth_nseq ltn_ord zr0 mul0r.
  rewrite add0r; elim: (rs) (f) => [|r rs' IH] [|a f'] /=; rewrite ?mulr0 // IH; ring.
split; first by split=> [|c hc]; rewrite /= ?size_mkseq // nth_mkseq //; case: (go (Ordinal hc)).
exists (p2 e * weigh (others x i) rs f); apply/matrixP => c j; rewrite !mxE ord1 mulrAC -mulrA -(proj2 (go c)).
rewrite mulr_sumr; apply: eq_bigr => j' _; rewrite mxE /entry_ /= nth_mkseq // /at_; ring.
Qed.

Definition split_at j := nth (Split false 0 (Grid [::] Z0)) splits j.
Definition split_value (s : split) : R := let d := size (ints (split_Q s)) in
  qf (mx d d (split_Q s)) (\col_(c < d) xs (split_right s) (split_mode s) c).
Definition split_holds (s : step) : Prop := if s.1 is Row j then
  if s.2 then 0 <= split_value (split_at j) else split_value (split_at j) <= 0 else True.

Lemma add_partE path g p g' : shape k k g -> all_hold split_holds path ->
  add_part mul k splits groups path (Some g) p = Some g' -> shape k k g' /\ qf (mx k k g) z <= qf (mx k k g') z.
Proof.
move=> sg hp; rewrite /add_part -/(split_at _); set s := split_at _; set i := split_mode s; set q := split_Q s.
case e: (groups _) => [[l first]|] //; have hz := on_groups e; set d := size (ints q).
case: ifP => // /andP[ok /shapedP hq]; cbv zeta; case=> <-.
pose add_ (b : bool) h f := let t := transpose k (gather l first k i d (rests p) f (ex (pF p))) in
  gadd h (gscale (if b then one else minus_one) (mul t (mul t q))).
pose w := ints (transpose (size (head [::] (ints (pF p)))) (pF p)).
pose with_ h (s : step) := if s.1 is Row j then if eqn j (of_split p) then foldl (add_ s.2) h w else h else h.
rewrite -[foldl _ g path]/(foldl with_ g path).
have one_ b h f : (if b then 0 <= split_value s else split_value s <= 0) -> shape k k h ->
    shape k k (add_ b h f) /\ qf (mx k k h) z <= qf (mx k k (add_ b h f)) z.
  move=> hs sh; have [h1 [c ec]] := gatherE f (ex (pF p)) hz ok; rewrite /add_; set M := gather _ _ _ _ _ _ _ _ in h1 ec *.
  have [h2 e2] := transposeE h1; have [h3 e3] := productE h2 hq; have [h4 e4] := productE h2 h3.
  have [h5 e5] := gscaleE (if b then one else minus_one) h4; have [h6 e6] := gaddE sh h5; split=> //.
  rewrite e6 qfD lerDl e5 qfZ e4 e3 e2 trmx_mul !trmxK mulmxA qf_congr ec qf_scale mulrCA.
  rewrite mulr_ge0 ?sqr_ge0 // -/(split_value s); case: (b) hs => hs; first by rewrite oneE mul1r.
  by rewrite minus_oneE mulN1r oppr_ge0.
elim: path g sg hp => [|[[j|a|j a|a] b] path IH] h sh /= [] // hs hp; [|exact: IH|exact: IH|exact: IH].
rewrite {2 4}/with_ /=; case: ifP => [/eqnP ej|_]; last exact: IH.
have [h1 h2] : shape k k (foldl (add_ b) h w) /\ qf (mx k k h) z <= qf (mx k k (foldl (add_ b) h w)) z.
  elim: (w) h sh => [|f w' IHw] h sh //=; have [|h3 h4] := one_ b h f _ sh; first by move: hs; rewrite /split_holds /= ej.
  by have [h5 h6] := IHw _ h3; split=> //; apply: le_trans h4 h6.
by have [h3 h4] := IH _ h1 hp; split=> //; apply: le_trans h2 h4.
Qed.

Lemma product_topE g path p t : shape k k g -> all_hold split_holds path ->
  product_top mul same k splits groups g path p = Some t -> qf (mx k k g) z <= dv t * sq z.
Proof.
move=> sg hp; rewrite /product_top; case e: (with_placed _ _ _ _ _) => [g'|]; last first.
  by have -> : foldl (add_part mul k splits groups path) None (parts p) = None by elim: (parts p).
have [h1 h2] := with_placedE on_groups sg e; move: h1 h2 {e}; set add_ := add_part mul k splits groups path.
have none ps : foldl add_ None ps = None by elim: ps.
elim: (parts p) g' => [|a ps IH] g' h1 h2.
  by rewrite /=; case: ifP => // sym [<-]; apply: le_trans h2 _; apply: topE => //; exact: symmetricE.
rewrite -[foldl add_ _ _]/(foldl add_ (add_ (Some g') a) ps); case e: (add_ (Some g') a) => [h|]; last by rewrite none.
by have [h3 h4] := add_partE h1 hp e; apply: IH h3 (le_trans h2 h4).
Qed.

Lemma product_treeE g tr t : shape k k g ->
  worst (sides (is_split splits)) (@no_fact _ _) (product_top mul same k splits groups g) [::] tr = Some t ->
  qf (mx k k g) z <= dv (dmax t dzero) * sq z.
Proof.
move=> sg e; rewrite dv_max dv_zero.
apply: (worstE (P := all_hold split_holds) (le_ := fun x => qf (mx k k g) z <= Num.max x 0 * sq z)) e => //.
- by move=> x y xy h; apply: le_trans h _; rewrite ler_wpM2r ?sq_ge0 // ge_max !le_max xy lexx orbT.
- apply: sidesE => -[j|a|j a|a] // _; rewrite /split_holds /=.
  by case: (leP 0 (split_value (split_at j))) => [|/ltW] h; [left|right].
- by move=> path p x hp /(product_topE sg hp) h; apply: le_trans h _; rewrite ler_wpM2r ?sq_ge0 // le_max lexx.
Qed.
End Splits.

Lemma fan_top k n w x y l sh (z : 'cV_k) : shape k n x -> shape k w y ->
  qf (mx k n x *m (mx k n x)^T - mx k w y *m (mx k w y)^T) z
  <= dv (top mul k (gsub (mul x x) (mul y y)) l sh) * sq z.
Proof.
move=> hx hy; have [sg eg] := productE hx hx; have [sk ek] := productE hy hy.
have [se ee] := gsubE sg sk; rewrite -eg -ek -ee; apply: topE => //.
by rewrite ee eg ek linearB /= !trmx_mul !trmxK.
Qed.

Lemma column_sumsE m n x : shape m n x -> shape 1 n (column_sums mul m n x) /\
  mx 1 n (column_sums mul m n x) = (const_mx 1 : 'rV_m) *m mx m n x.
Proof.
move=> hx; have [ht et] := transposeE hx; have [hu eu] := unit_rowE m.
by have [hs es] := productE hu ht; split=> //; rewrite es eu et trmxK.
Qed.

Lemma row_sumsE m n x : shape m n x -> shape m 1 (row_sums mul n x) /\
  mx m 1 (row_sums mul n x) = mx m n x *m (const_mx 1 : 'cV_n).
Proof.
move=> hx; have [hu eu] := unit_rowE n.
by have [hs es] := productE hx hu; split=> //; rewrite es eu trmx_const.
Qed.

Lemma means_E m n r u v a b : shape m r u -> shape n r v -> shape n 1 a -> shape m 1 b ->
  shape m n (means_ mul m n u v a b) /\
  mx m n (means_ mul m n u v a b) = mx m r u *m (mx n r v)^T
    + ((const_mx 1 : 'cV_m) *m (mx n 1 a)^T + mx m 1 b *m (const_mx 1 : 'rV_n)).
Proof.
move=> hu hv ha hb; have [hm em] := unit_columnE m; have [hn en] := unit_columnE n.
have [h1 e1] := besideE hu hm; have [h2 e2] := besideE h1 hb.
have [h3 e3] := besideE hv ha; have [h4 e4] := besideE h3 hn.
have [hs es] := productE h2 h4; split=> //.
by rewrite es e2 e1 e4 e3 !tr_row_mx !mul_row_col em en trmx_const addrA.
Qed.

Lemma scaleE h lam t : 0 <= dv (scale h lam t) /\ dv (scale h lam t) ^+ 2 * dv t <= dv lam ^+ 2.
Proof.
rewrite /scale /tested; case: ifP => [/andP[]|_]; first by rewrite dv_ge0 dv_le !dvM -!expr2.
by rewrite dv_zero expr0n mul0r sqr_ge0.
Qed.

Lemma zr_max a b : zr (Z.max a b) = Num.max (zr a) (zr b).
Proof. by case: (leP (zr a) (zr b)); rewrite ?zr_le ?zr_lt => h; congr zr; lia. Qed.

(* the norms that integers stand for *)
Definition normv (p : norm_form dyadic) : norm_form R :=
  match p with
  | L1 => L1 | L2 => L2 | LInf => LInf | Weighted w => Weighted (map dv w) | Elastic a => Elastic (dv a)
  | Groups g => Groups g | LargestGroup g => LargestGroup g
  end.

Lemma outsideE p : outside_l2 (normv p) = outside_l2 p. Proof. by case: p. Qed.

Lemma dv_one : dv one = 1. Proof. by rewrite /dv /zr /p2 /= mulr1. Qed.

Lemma norm_okE p k : norm_ok p k -> normed (normv p) k.
Proof.
case: p => [|||w|a|g|g] //=.
- case/andP=> /eqnP sw /(all_nthP dzero) h i; rewrite (nth_map dzero) ?sw //.
  by rewrite /dv mulr_gt0 ?p2_gt0 // zr_pos h ?sw.
- by rewrite dv_ge0 dv_le dv_one.
- by case/andP=> /eqnP sg /(all_nthP 0%N) h i; apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt; rewrite h ?sg.
- by case/andP=> /eqnP sg /(all_nthP 0%N) h i; apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt; rewrite h ?sg.
Qed.

(* numbers of a group, together *)
Lemma size_add_to (T : Type) (f : T -> T -> T) i v l : size (add_to f i v l) = size l.
Proof. by elim: l i => [|a l IH] [|i] //=; rewrite IH. Qed.

Lemma nth_add_to (T : Type) (f : T -> T -> T) z i v l c : (c < size l)%N ->
  nth z (add_to f i v l) c = if i == c then f v (nth z l c) else nth z l c.
Proof. by elim: l i c => [|a l IH] [|i] [|c] //= h; rewrite IH. Qed.

Lemma size_groups (T : Type) (f : T -> T -> T) z g x : size (in_groups f z g x) = size g.
Proof.
rewrite /in_groups; suff go e l : size (foldl (fun l e => add_to f e.1 e.2 l) l e) = size l by rewrite go size_nseq.
by elim: e l => //= e r IH l; rewrite IH size_add_to.
Qed.

Lemma in_groupsE k (g : seq nat) x c : size g = k -> (size x <= k)%N -> (c < k)%N ->
  zr (nth Z0 (in_groups Z.add Z0 g x) c) = \sum_(j < k | nth 0%N g j == c) at_ x j.
Proof.
move=> sg sx ck; suff go l : (c < size l)%N ->
    zr (nth Z0 (foldl (fun l e => add_to Z.add e.1 e.2 l) l (zip g x)) c) = zr (nth Z0 l c) + \sum_(j < k | nth 0%N g j == c) at_ x j.
  by rewrite /in_groups go ?size_nseq ?sg // nth_nseq ck zr0 add0r.
rewrite big_mkcond /=; move: l; elim: g x k sg sx {ck} => [|i g IH] [|a x] [|k] //= sg sx l sl; rewrite ?big_ord0 ?addr0 //.
  by rewrite big1 ?addr0 // => j _; rewrite at_nil if_same.
case: sg => sg; rewrite (IH x k) ?size_add_to // nth_add_to // big_ord_recl /= addrA; congr (_ + _).
by case: eqP => _; rewrite ?addr0 // zrD addrC.
Qed.

Lemma squareE z : zr (square_ z) = zr z ^+ 2. Proof. exact: zrM. Qed.

(* at most, or at least *)
Definition ends (up : bool) (x y : R) : Prop := if up then x <= y else y <= x.
Lemma ends_eq up x y : x = y -> ends up x y. Proof. by move=> ->; case: up; exact: lexx. Qed.
Lemma endsD up a b x y : ends up a b -> ends up x y -> ends up (a + x) (b + y).
Proof. by case: up => /=; exact: lerD. Qed.
Lemma endsM up a b x y : 0 <= a -> 0 <= b -> 0 <= x -> 0 <= y -> ends up a b -> ends up x y -> ends up (a * x) (b * y).
Proof. by case: up => /= *; apply: ler_pM. Qed.
Lemma ends_sum up (I : finType) (a b : I -> R) : (forall i, ends up (a i) (b i)) -> ends up (\sum_i a i) (\sum_i b i).
Proof. by case: up => h; apply: ler_sum => i _; exact: (h i). Qed.
Lemma ends_root up x y : 0 <= x -> 0 <= y -> ends up (x ^+ 2) (y ^+ 2) -> ends up x y.
Proof. by rewrite /ends; case: up => x0 y0 h; rewrite -ler_sqr ?nnegrE. Qed.

Lemma ends_trans up x y z : ends up x y -> ends up y z -> ends up x z.
Proof. by case: up => /= h h'; [exact: le_trans h h'|exact: le_trans h' h]. Qed.
Lemma endsZ up c x y : 0 <= c -> ends up x y -> ends up (x * c) (y * c).
Proof. by rewrite /ends; case: up => c0 h; rewrite ler_wpM2r. Qed.

Definition root_ok (up : bool) (root : Z -> Z) : Prop :=
  forall x, Z.leb Z0 x -> Z.leb Z0 (root x) /\ ends up (zr x) (zr (root x) ^+ 2).

Lemma zr_ge0 z : (0 <= zr z) = Z.leb Z0 z. Proof. by rewrite -zr_le zr0. Qed.

Lemma longE up root z : root_ok up root -> Z.leb Z0 z ->
  let y := zr (root (Z.shiftl z (Z.add guard guard))) * p2 (Z.opp guard) in 0 <= y /\ ends up (Num.sqrt (zr z)) y.
Proof.
move=> ok z0 y; have z1 : Z.leb Z0 (Z.shiftl z (Z.add guard guard)).
  by rewrite -zr_ge0 zr_shift // mulr_ge0 ?p2_ge0 ?zr_ge0.
have [r0 hr] := ok _ z1; have y0 : 0 <= y by rewrite mulr_ge0 ?p2_ge0 ?zr_ge0.
split=> //; apply: ends_root; rewrite ?sqrtr_ge0 // sqr_sqrtr ?zr_ge0 //.
have -> : zr z = zr (Z.shiftl z (Z.add guard guard)) * p2 (Z.opp guard) ^+ 2.
  by rewrite zr_shift // p2N p2D; field; rewrite gt_eqF ?p2_gt0.
by rewrite exprMn; apply: endsM; rewrite ?sqr_ge0 ?zr_ge0 //; exact: ends_eq.
Qed.

Lemma foldr_max (x : seq Z) k : size x = k -> zr (foldr Z.max Z0 x) = \big[Num.max/0]_(c < k) zr (nth Z0 x c).
Proof. by move=> <-; elim: x => [|z x IH] /=; rewrite ?big_ord0 // big_ord_recl zr_max IH. Qed.

Lemma max_sqrt k (y : 'I_k -> R) : (forall c, 0 <= y c) ->
  (\big[Num.max/0]_c Num.sqrt (y c)) ^+ 2 = \big[Num.max/0]_c y c.
Proof.
move=> y0; apply: (proj2 (_ : 0 <= \big[Num.max/0]_c Num.sqrt (y c) /\ _)).
elim/big_rec2: _ => [|c a b _ [b0 <-]]; first by rewrite expr0n.
split; first by rewrite le_max sqrtr_ge0.
rewrite -[y c in RHS]sqr_sqrtr //; case: (leP (Num.sqrt (y c)) b) => h.
  by symmetry; apply/max_idPr; rewrite ler_sqr ?nnegrE ?sqrtr_ge0.
by symmetry; apply/max_idPl; rewrite ler_sqr ?nnegrE ?sqrtr_ge0 // ltW.
Qed.

Lemma norm_squareE up root p k x : root_ok up root -> norm_ok p k -> size x = k ->
  0 <= zr (norm_square root p x) /\
  ends up (norm (normv p) (\col_(j < k) at_ x j) ^+ 2) (zr (norm_square root p x) * p2 (norm_unit p) ^+ 2).
Proof.
move=> ok hp sx; have same N P (y : R) : y ^+ 2 = zr N * P ^+ 2 -> 0 < P -> 0 <= zr N /\ ends up (y ^+ 2) (zr N * P ^+ 2).
  by move=> e P0; split; [rewrite -(pmulr_lge0 _ (exprn_gt0 2 P0)) -e sqr_ge0|exact: ends_eq].
have square N P (y : R) : 0 <= y -> 0 <= zr N * P -> ends up y (zr N * P) ->
    0 <= zr (square_ N) /\ ends up (y ^+ 2) (zr (square_ N) * P ^+ 2).
  move=> y0 N0 h; rewrite squareE -exprMn; split; first exact: sqr_ge0.
  by rewrite !expr2; exact: endsM.
have one_ : p2 Z0 = 1 by [].
have sqs P : \sum_(j < k | P j) (\col_j at_ x j : 'cV[R]_k) j 0 ^+ 2 = \sum_(j < k | P j) at_ x j ^+ 2.
  by apply: eq_bigr => j _; rewrite mxE.
have abs_ : \sum_(j < k) `|(\col_j at_ x j : 'cV[R]_k) j 0| = \sum_(j < k) `|at_ x j|.
  by apply: eq_bigr => j _; rewrite mxE.
have dots : zr (dotz Z0 x x) = \sum_(j < k) at_ x j ^+ 2 by rewrite (dotzE (k := k)) ?sx // zr0 add0r.
have dots0 : Z.leb Z0 (dotz Z0 x x) by rewrite -zr_ge0 dots sumr_ge0 // => j _; exact: sqr_ge0.
have group_ g c : size g = k -> (c < k)%N -> zr (nth Z0 (in_groups Z.add Z0 g (map square_ x)) c)
    = \sum_(j < k | nth 0%N g j == c) at_ x j ^+ 2.
  move=> sg ck; rewrite (in_groupsE sg) ?size_map ?sx //; apply: eq_bigr => j _.
  by rewrite /at_ (nth_map Z0) ?sx // squareE.
have groups0 P : 0 <= \sum_(j < k | P j) at_ x j ^+ 2 by apply: sumr_ge0 => j _; exact: sqr_ge0.
have pu e := p2_gt0 e; case: p hp => [|||w|a|g|g] /= hp; rewrite /norm.
- by apply: same => //; rewrite one_ expr1n mulr1 zrM (sumabsE (k := k)) ?sx // zr0 add0r abs_ expr2.
- by apply: same => //; rewrite one_ expr1n mulr1 sqs sqr_sqrtr.
- apply: same => //; rewrite one_ expr1n mulr1 zrM expr2; suff -> : \big[Num.max/0]_(i < k) `|(\col_j at_ x j : 'cV[R]_k) i 0|
      = zr (foldr (fun z a => Z.max (Z.abs z) a) Z0 x) by [].
  under eq_bigr do rewrite mxE; rewrite -sx; elim: (x) => [|z y IH] /=; first by rewrite big_ord0.
  by rewrite big_ord_recl zr_max zr_abs IH.
- case/andP: hp => /eqnP sw /(all_nthP dzero) w0; apply: same => //.
  rewrite sqr_sqrtr; last first.
    apply: sumr_ge0 => j _; rewrite (nth_map dzero) ?sw // mulr_ge0 ?sqr_ge0 // -dv_ge0.
    by have /w0/Z.ltb_lt h : (j < size w)%N by [rewrite sw]; apply/Z.leb_le; lia.
  rewrite (sumzE (k := k)) ?size_map ?sw // zr0 add0r mulr_suml; apply: eq_bigr => j _.
  rewrite mxE !(nth_map dzero) ?sw // zrM squareE [RHS]mulrAC -/(at_ x j); congr (_ * _).
  rewrite expr2 -p2D liftE //; have hj : (j < size w)%N by rewrite sw.
  elim: (w) (nat_of_ord j) hj => [|v l IH] [|i] //= hi; last by have := IH i hi; lia.
  by have := Z.div_mod (dex v) 2 ltac:(lia); have := Z.mod_pos_bound (dex v) 2 ltac:(lia); move: (half_exponent l) => h; lia.
- rewrite sqs abs_; case/andP: hp; rewrite -/(norm_ok (Elastic a) k) dv_ge0 dv_le dv_one => a0 a1.
  have [y0 hy] := longE ok dots0; move: y0 hy; rewrite dots p2N.
  set e := Z.min Z0 (dex a); set r := root _; move=> y0 hy.
  have ea : zr (lift (num a) (dex a) e) * p2 e = dv a by rewrite liftE // /e; lia.
  have eb : zr (lift 1 Z0 e) * p2 e = 1 by rewrite liftE ?one_ ?mulr1 // /e; lia.
  set S := \sum_(j < k) `|_|; have S0 : 0 <= S by apply: sumr_ge0.
  have e_ : zr (Z.add (Z.mul (lift (num a) (dex a) e) (Z.shiftl (sumabs Z0 x) guard))
      (Z.mul (Z.sub (lift 1 Z0 e) (lift (num a) (dex a) e)) r)) * p2 (Z.sub e guard) = dv a * S + (1 - dv a) * (zr r / p2 guard).
    rewrite p2B zrD (zrM (lift _ _ _) (Z.shiftl _ _)) (zrM (Z.sub _ _) r) zrB (zr_shift (sumabs Z0 x)) // (sumabsE (k := k)) ?sx // zr0 add0r -/S -ea -eb; field.
    by rewrite gt_eqF ?p2_gt0.
  have a1' : 0 <= 1 - dv a by rewrite subr_ge0.
  have s0 := sqrtr_ge0 (\sum_(j < k) at_ x j ^+ 2).
  apply: square; rewrite ?e_.
  + by apply: addr_ge0; apply: mulr_ge0.
  + by apply: addr_ge0; apply: mulr_ge0.
  by apply: endsD; [exact: ends_eq|apply: endsM => //; exact: ends_eq].
- case/andP: hp => /eqnP sg _; set L := in_groups _ _ _ _.
  have sL : size L = k by rewrite size_groups.
  have L0 c : (c < k)%N -> Z.leb Z0 (nth Z0 L c) by move=> ck; rewrite -zr_ge0 group_.
  set y := foldr _ _ _; have ey : zr y * p2 (Z.opp guard)
      = \sum_(c < k) zr (root (Z.shiftl (nth Z0 L c) (Z.add guard guard))) * p2 (Z.opp guard).
    rewrite /y -sL; elim: (L) => [|z l IH] /=; first by rewrite big_ord0 mul0r.
    by rewrite big_ord_recl zrD mulrDl IH.
  under [\sum_(c < k) Num.sqrt _]eq_bigr => c _ do rewrite sqs -(group_ _ _ sg (ltn_ord c)) -/L.
  have h c : (c < k)%N -> _ := fun ck => longE ok (L0 c ck).
  have hs : ends up (\sum_(c < k) Num.sqrt (zr (nth Z0 L c)))
      (\sum_(c < k) zr (root (Z.shiftl (nth Z0 L c) (Z.add guard guard))) * p2 (Z.opp guard)).
    by apply: ends_sum => c; have [] := h c (ltn_ord c).
  apply: square; rewrite ?ey // sumr_ge0 // => c _; rewrite ?sqrtr_ge0 //; by have [] := h c (ltn_ord c).
case/andP: hp => /eqnP sg _; apply: same => //; rewrite one_ expr1n mulr1 (foldr_max (k := k)) ?size_groups // max_sqrt => [|c].
  by apply: eq_bigr => c _; rewrite sqs group_.
by rewrite sqs.
Qed.

(* the squares of the columns' norms *)
Lemma column_squaresE up root p n r u (k : 'I_r) : root_ok up root -> norm_ok p n -> shape n r u ->
  0 <= zr (nth Z0 (column_squares root p r u) k) /\
  ends up (norm (normv p) (col k (mx n r u)) ^+ 2) (zr (nth Z0 (column_squares root p r u) k) * p2 (column_ex p u) ^+ 2).
Proof.
move=> ok hp hu; have [[hs hr] et] := transposeE hu.
have -> : col k (mx n r u) = p2 (ex u) *: \col_(j < n) at_ (nth [::] (ints (transpose r u)) k) j.
  apply/matrixP => j i; rewrite !mxE [RHS]mulrC.
  by have := congr1 (fun M : 'M_(r, n) => M k j) et; rewrite !mxE /entry_ => <-.
rewrite normZ ?p2_ge0 // (nth_map [::]) ?hs ?ltn_ord // /column_ex p2D !exprMn [_ * (_ ^+ 2 * _)]mulrCA.
have [n0 h] := norm_squareE ok hp (hr k (ltn_ord k)); split=> //.
by rewrite ![p2 (ex u) ^+ 2 * _]mulrC; exact: endsZ (sqr_ge0 _) h.
Qed.
Lemma root_upP x : Z.leb Z0 x -> Z.leb Z0 (root_up x) /\ zr x <= zr (root_up x) ^+ 2.
Proof.
move=> x0; rewrite expr2 -zrM zr_le /root_up; move: (root_guess x) => s.
move: (if Z.ltb _ _ then _ else _) => t; case: ifP => [/andP[] //|_].
have := Z.abs_nonneg x; have : Z.le x (Z.abs x) by lia.
by move: (Z.abs x) => a h a0; split; apply/Z.leb_le; nia.
Qed.

Lemma root_downP x : Z.leb Z0 x -> Z.leb Z0 (root_down x) /\ zr (root_down x) ^+ 2 <= zr x.
Proof.
move=> x0; rewrite expr2 -zrM zr_le /root_down; move: (root_guess x) => s.
by case: ifP => [/andP[] //|_].
Qed.

Lemma root_ofE up : root_ok up (root_of up).
Proof. by case: up => x; [exact: root_upP|exact: root_downP]. Qed.

Lemma shareE up x k c : Z.ltb 0 k -> zr k = c -> ends up (dv x / c) (dv (share up x k)).
Proof. by case: up => k0 e; [exact: over_upE|exact: over_downE]. Qed.

Lemma powerE x k : dv (power x k) = dv x ^+ k.
Proof. by elim: k => [|k IH] /=; rewrite ?oneE ?expr0 // dvM IH exprS. Qed.

(* a size, and its square in units *)
Definition measures (up : bool) (s : R) (x : Z * Z) : Prop :=
  [/\ 0 <= s, 0 <= zr x.1 & ends up (s ^+ 2) (zr x.1 * p2 x.2 ^+ 2)].

Lemma length_ofE up s x : measures up s x -> 0 <= dv (length_of up x) /\ ends up s (dv (length_of up x)).
Proof.
case=> s0 x0 h; rewrite /length_of /dv /=; set N := Z.shiftl _ _; set e := Z.sub _ _.
have N0 : Z.leb Z0 N by rewrite -zr_ge0 zr_shift // mulr_ge0 ?p2_ge0.
have [r0 hr] := root_ofE up N0; have z0 : 0 <= zr (root_of up N) * p2 e by rewrite mulr_ge0 ?p2_ge0 ?zr_ge0.
split=> //; apply: ends_root => //; apply: ends_trans h _.
have -> : zr x.1 * p2 x.2 ^+ 2 = zr N * p2 e ^+ 2.
  by rewrite /N /e zr_shift // p2B p2D; field; rewrite gt_eqF ?p2_gt0.
by rewrite exprMn; apply: endsZ hr; exact: sqr_ge0.
Qed.

Lemma endsX up x y k : 0 <= x -> 0 <= y -> ends up x y -> ends up (x ^+ k) (y ^+ k).
Proof.
move=> x0 y0 h; elim: k => [|k IH]; first by rewrite !expr0; exact: ends_eq.
by rewrite !exprS; apply: endsM => //; rewrite exprn_ge0.
Qed.

Lemma raised_toE up k s x : measures up s x -> ends up (s ^+ k) (dv (raised_to up k x)).
Proof.
move=> m; have [l0 hl] := length_ofE m; case: m => s0 x0 h; rewrite /raised_to.
have e : dv (Dy x.1 (Z.add x.2 x.2)) = zr x.1 * p2 x.2 ^+ 2 by rewrite /dv p2D expr2.
have y0 : 0 <= zr x.1 * p2 x.2 ^+ 2 by rewrite mulr_ge0 ?sqr_ge0.
have hp := endsX k./2 (sqr_ge0 s) y0 h; rewrite -{1}(odd_double_half k) exprD mulrC -mul2n exprM.
case: (odd k); rewrite ?dvM powerE e; last by rewrite expr0 mulr1.
by rewrite expr1; apply: endsM => //; rewrite exprn_ge0 ?sqr_ge0.
Qed.

Lemma theta_E up f s x : size x = size s -> (0 < size s)%N ->
  (forall k, (k < size s)%N -> measures up (nth 0 s k) (nth (Z0, Z0) x k)) -> ends up (theta f s) (dv (theta_ up f x)).
Proof.
move=> es s0 h; case: f; rewrite /theta /theta_.
  apply: (proj2 (length_ofE _)); elim: s x es h {s0} => [|a s IH] [|b x] //=.
    by move=> _ _; rewrite big_nil; split=> //; rewrite ?ler01 // /zr /p2 expr1n mulr1; exact: ends_eq.
  case=> es h; rewrite big_cons; have [a0 b0 hab] := h 0%N isT; have [p0 q0 hpq] := IH x es (fun k => h k.+1).
  split=> /=; [exact: mulr_ge0|by rewrite zrM mulr_ge0|].
  rewrite zrM p2D !exprMn [X in ends _ _ X]mulrACA.
  exact: endsM (sqr_ge0 _) (mulr_ge0 b0 (sqr_ge0 _)) (sqr_ge0 _) (mulr_ge0 q0 (sqr_ge0 _)) hab hpq.
rewrite es; have K0 : Z.ltb 0 (Z.of_nat (size s)) by lia.
have eK : zr (Z.of_nat (size s)) = (size s)%:R.
  by rewrite /zr (_ : int_of_Z _ = size s :> int) ?pmulrn //; lia.
apply: ends_trans (shareE up _ K0 eK); apply: endsZ; first by rewrite invr_ge0.
move: {1 2}(size s) => K {K0 eK s0}; elim: s x es h => [|a s IH] [|b x] //=.
  by rewrite big_nil dv_zero => _ _; exact: ends_eq.
case=> es h; rewrite big_cons dvD; apply: endsD; first exact: raised_toE (h 0%N isT).
by apply: IH es (fun k => h k.+1).
Qed.

(* a hidden layer *)
Lemma dvE y e : dv (Dy y e) = zr y * p2 e. Proof. by []. Qed.

Lemma sqrt_upE x : 0 <= dv x -> 0 <= dv (sqrt_up x) /\ dv x <= dv (sqrt_up x) ^+ 2.
Proof.
move=> x0; rewrite /sqrt_up; set e := Z.sub _ _.
have ee : Z.leb e (dex x).
  by rewrite /e /guard; have := Z.mod_pos_bound (dex x) 2 ltac:(lia); lia.
have half_ : e = Z.add (Z.div e 2) (Z.div e 2).
  have : e = Z.mul 2 (Z.sub (Z.div (dex x) 2) guard).
    by rewrite /e; have := Z.div_mod (dex x) 2 ltac:(lia); move: (Z.div _ _) (Z.modulo _ _) => y z; lia.
  by move=> ->; rewrite Z.mul_comm Z.div_mul //; lia.
have n0 : Z.leb Z0 (lift (num x) (dex x) e).
  by rewrite -zr_le zr0 -(pmulr_lge0 _ (p2_gt0 e)) liftE.
rewrite dvE; move: (root_upP n0); move: (root_up _) => y [r0 h].
split; first by rewrite mulr_ge0 ?p2_ge0 // -zr0 zr_le.
have -> : dv x = zr (lift (num x) (dex x) e) * p2 e by rewrite (liftE _ ee).
by rewrite exprMn {2}half_ p2D -expr2 ler_wpM2r ?sqr_ge0.
Qed.

Lemma float_radiusE x : dv x <= dv (float_radius x).
Proof. by rewrite /float_radius; move: (float_above _) => y; case: ifP => //; rewrite dv_le. Qed.
Opaque sqrt_up float_radius.

Lemma as_rowE n x : size x = n -> shape 1 n (as_row x) /\
  mx 1 n (as_row x) = \row_(i < n) dv (nth dzero x i).
Proof.
move=> hx; rewrite /as_row; set e := foldr _ _ _.
have he i : (i < size x)%N -> Z.leb e (dex (nth dzero x i)).
  rewrite /e {e hx}; elim: x i => //= y t IH [|i] hi; first by rewrite /=; lia.
  by have := IH i hi; move: (foldr _ _ _) => z; rewrite /=; lia.
split; first by split=> // -[|i] //= _; rewrite size_map.
apply/matrixP => i j; rewrite !mxE /entry_ ord1 /= (nth_map dzero) ?hx //.
by rewrite /dv liftE // he ?hx.
Qed.

Lemma row_atE m n a (i : 'I_m) : shape m n a -> shape 1 n (row_at a i) /\
  mx 1 n (row_at a i) = row i (mx m n a).
Proof.
move=> [hm hn]; split; first by split=> // -[|j] //= _; rewrite hn.
by apply/matrixP => j l; rewrite !mxE /entry_ ord1.
Qed.

Lemma squares_of_rowsE m n a (i : 'I_m) : shape m n a ->
  dv (nth dzero (squares_of_rows a) i) = sq (row i (mx m n a)).
Proof.
move=> [hm hn]; rewrite (nth_map [::]) ?hm // /dv /= (dotzE (k := n)) ?hn // zr0 add0r p2D.
rewrite /sq /dot big_ord1 mulr_suml; apply: eq_bigr => j _; rewrite !mxE /at_ /entry_; ring.
Qed.

Lemma sq_ones c : sq (const_mx 1 : 'cV[R]_c) = c%:R.
Proof. by rewrite sq_col; under eq_bigr do rewrite mxE expr1n; rewrite sumr_const card_ord. Qed.

Lemma zero_lastE x : size (zero_last x) = size x /\ forall i, nth [::] (zero_last x) i
  = if i.+1 == size x then map (fun=> Z0) (nth [::] x i) else nth [::] x i.
Proof.
elim: x => [|r [|r' x] [h1 h2]]; [by split=> // i; rewrite !nth_nil|by split=> // -[|[|i]]|].
split=> [|[|i]] //; first by rewrite -[LHS]/(size (zero_last (r' :: x))).+1 h1.
exact: h2.
Qed.

Lemma pricedE free k r x : shape k r x ->
  shape k r (priced_ free x) /\ mx k r (priced_ free x) = paid free (mx k r x).
Proof.
move=> [hk hr]; rewrite /priced_ /paid; case: free => /=; last first.
  by split=> //; apply/matrixP => i j; rewrite !mxE.
have [h1 h2] := zero_lastE (ints x); split.
  split=> [|i im] /=; first by rewrite h1.
  by rewrite h2; case: ifP => _; rewrite ?size_map hr.
apply/matrixP => i j; rewrite !mxE /entry_ /= h2 hk; case: ifP => _ //.
by rewrite (nth_map Z0) ?hr // zr0 mul0r.
Qed.

Lemma dot_paid free k (u : 'cV[R]_k) : dot (u - paid free u) (paid free u) = 0.
Proof. by rewrite dot_col big1 // => i _; rewrite !mxE; case: ifP => _; rewrite ?mulr0 // subrr mul0r. Qed.

Lemma most_dyE (x : seq dyadic) : 0 <= dv (foldr dmax dzero x) /\
  forall i, (i < size x)%N -> dv (nth dzero x i) <= dv (foldr dmax dzero x).
Proof.
elim: x => [|y x [IH0 IH]] /=; first by rewrite dv_zero.
rewrite dv_max; split; first by rewrite le_max IH0 orbT.
by case=> [|i] hi; rewrite le_max ?lexx //= IH ?orbT.
Qed.

Section Layer.
Variables (m k : nat) (f : grid) (a : dyadic) (bi : bias) (radii : seq dyadic).
Variables (u pu : 'cV[R]_k) (moved : R).
Let bias_ : 'cV[R]_k := u - pu.
Hypotheses (hf : shape m k f) (hg : shape m k (without bi)) (u1 : sq pu = 1).
Hypotheses (paidE : paid (free_ bi) u = pu) (sq_u : sq u = 1 + sq bias_).
Hypotheses (split_ : mx m k f *m u = mx m k (without bi) *m pu + const_mx moved).
Hypotheses (s_far : `|moved| <= dv (far bi)) (b_reach : sq bias_ <= dv (reach bi)).
Let z : 'cV[R]_m := mx m k f *m u.
Let p : 'cV[R]_m := map_mx (@Network.pos R) z.
Let hid : 'cV[R]_m := map_mx (act (dv a)) z.

Lemma hidE i : hid i 0 = p i 0 - dv a * (p i 0 - z i 0).
Proof. by rewrite /hid /p [LHS]mxE [(map_mx _ z) i 0]mxE; exact: Network.act_parts. Qed.

Lemma p_ge0 i : 0 <= p i 0. Proof. by rewrite mxE le_max lexx orbT. Qed.
Lemma p_gez i : z i 0 <= p i 0. Proof. by rewrite [leRHS]mxE le_max lexx. Qed.
Lemma meet0 i : p i 0 * (p i 0 - z i 0) = 0.
Proof. by rewrite [p i 0]mxE /Network.pos; case: leP => _; rewrite ?subrr ?mulr0 ?mul0r. Qed.

Lemma zE i : z i 0 = dot (row i (mx m k (without bi)))^T pu + moved.
Proof.
rewrite /z split_ [LHS]mxE [const_mx _ _ _]mxE; congr (_ + _).
by rewrite dot_col mxE; apply: eq_bigr => j _; rewrite !mxE.
Qed.

Lemma z_le r i : 0 <= r -> sq (row i (mx m k (without bi))) <= r ^+ 2 -> `|z i 0| <= r + dv (far bi).
Proof.
move=> r0 h; rewrite zE; apply: le_trans (ler_normD _ _) _; apply: lerD s_far.
rewrite -ler_sqr ?nnegrE // real_normK ?num_real //.
by apply: le_trans (cauchy_schwarz _ _) _; rewrite u1 mulr1 sq_tr.
Qed.

Hypotheses (radii_m : size radii = m) (radiiP : forall i : 'I_m, `|z i 0| <= dv (nth dzero radii i)).

Lemma line_le r (y : 'rV[R]_k) : 0 <= r -> sq y <= r ^+ 2 -> (y *m pu) 0 0 <= r.
Proof.
move=> r0 h; have -> : (y *m pu) 0 0 = dot y^T pu.
  by rewrite [LHS]mxE dot_col; apply: eq_bigr => j _; rewrite [X in _ = X * _]mxE.
apply: le_trans (ler_norm _) _; rewrite -ler_sqr ?nnegrE // real_normK ?num_real //.
by apply: le_trans (cauchy_schwarz _ _) _; rewrite u1 mulr1 sq_tr.
Qed.

Lemma sum_zE x : size x = m -> let y := mul (as_row x) (transpose k (without bi)) in
  shape 1 k y /\ \sum_(i < m) dv (nth dzero x i) * z i 0
    = (mx 1 k y *m pu) 0 0 + dv (foldr dadd dzero x) * moved.
Proof.
move=> hx y; have [h1 e1] := as_rowE hx; have [h2 e2] := transposeE hg; have [h3 e3] := productE h1 h2.
split=> //; have -> : dv (foldr dadd dzero x) = \sum_(i < m) dv (nth dzero x i).
  rewrite -hx; elim: (x) => [|v l IH] /=; first by rewrite big_ord0 dv_zero.
  by rewrite dvD IH big_ord_recl.
have -> : \sum_(i < m) dv (nth dzero x i) * z i 0 = ((\row_(i < m) dv (nth dzero x i)) *m z) 0 0.
  by rewrite mxE; apply: eq_bigr => i _; rewrite [X in _ = X * _]mxE.
rewrite /z split_ mulmxDr [LHS]mxE; congr (_ + _); first by rewrite mulmxA e3 e1 e2 trmxK.
by rewrite mxE mulr_suml; apply: eq_bigr => i _; rewrite !mxE.
Qed.

Lemma farthest_sumE x : size x = m -> 0 <= dv (farthest_sum mul k bi x) /\
  \sum_(i < m) dv (nth dzero x i) * z i 0 <= dv (farthest_sum mul k bi x).
Proof.
move=> hx; rewrite /farthest_sum; have [hy ->] := sum_zE hx; move: (mul _ _) hy => y hy.
have := sqrt_upE (x := inner y y); rewrite (innerE hy hy) -/(sq _) => /(_ (sq_ge0 _)).
move: (sqrt_up _) => top [top0 htop].
have far0 : 0 <= dv (far bi) := le_trans (normr_ge0 moved) s_far.
rewrite dvD dvM dv_abs; split; first by rewrite addr_ge0 // mulr_ge0.
apply: lerD; last by apply: le_trans (ler_norm _) _; rewrite normrM ler_wpM2l.
exact: line_le top0 htop.
Qed.

Hypothesis at_kink : free_ bi -> exists i, z i 0 = 0.

(* where z_l = 0, moved = - f_l . pu *)
Lemma farthest_kinkE x : size x = m -> free_ bi ->
  \sum_(i < m) dv (nth dzero x i) * z i 0 <= dv (farthest_kink mul m k bi x).
Proof.
move=> hx /at_kink[l zl]; rewrite /farthest_kink; have [hy ->] := sum_zE hx; move: (mul _ _) hy => y hy.
have [h1 e1] := filledE m 1; have [h2 e2] := transposeE hy; have [h3 e3] := productE h1 h2.
have [h4 e4] := gscaleE (foldr dadd dzero x) hg; have [h5 e5] := gsubE h3 h4.
move: (gsub _ _) h5 e5 => e h5 e5; have [e0 top] := most_dyE (squares_of_rows e).
have [r0 hr] := sqrt_upE e0.
have {top} : sq (row l (mx m k e)) <= dv (sqrt_up (foldr dmax dzero (squares_of_rows e))) ^+ 2.
  by apply: le_trans hr; rewrite -(squares_of_rowsE l h5) top // size_map (proj1 h5) ltn_ord.
move=> /(line_le r0); apply: le_trans; rewrite le_eqVlt; apply/orP; left; apply/eqP.
have em : moved = - (mx m k (without bi) *m pu) l 0.
  by apply/eqP; rewrite -addr_eq0 addrC -zl /z split_ [X in _ == X]mxE [const_mx _ _ _]mxE.
have sub_ (A B : 'cV[R]_m) : (A - B) l 0 = A l 0 - B l 0 by rewrite !mxE.
have scale_ s (A : 'cV[R]_m) : (s *: A) l 0 = s * A l 0 by rewrite mxE.
have one_ (A : 'M[R]_1) : ((const_mx 1 : 'cV_m) *m A) l 0 = A 0 0 by rewrite mxE big_ord1 mxE mul1r.
by rewrite -row_mul [RHS]mxE e5 e4 e3 e2 e1 trmxK mulmxBl -mulmxA -scalemxAl sub_ one_ scale_ em mulrN.
Qed.

(* what holds on a side of a row *)
Definition side_value (s : plane) : R :=
  (mx 1 (m + k) (row_of mul m k f s) *m col_mx p u) 0 0 + dv (slack_of mul m k f bi s).
Definition held (s : step) : Prop :=
  is_plane m k bi s.1 /\ if s.2 then 0 <= side_value s.1 else side_value s.1 <= 0.

Lemma roundedE l r x : shape l r x -> shape l r (rounded x).
Proof. by move=> [hl hr]; split=> [|i il] /=; rewrite ?size_map // (nth_map [::]) ?hl // size_map hr. Qed.

Lemma combinedE x : shape 1 k (combined mul m k f x) /\
  (mx 1 k (combined mul m k f x) *m u) 0 0 = \sum_(j < m) dv (x j) * z j 0.
Proof.
have [h2 e2] := as_rowE (size_mkseq x m); have [h3 e3] := transposeE hf; have [h4 e4] := productE h2 h3; split=> //.
by rewrite /combined e4 e2 e3 trmxK -mulmxA -/z mxE; apply: eq_bigr => j _; rewrite [X in X * _ = _]mxE nth_mkseq.
Qed.

Lemma negative_partE c : shape 1 k (negative_part mul m k f c) /\
  (mx 1 k (negative_part mul m k f c) *m u) 0 0 = \sum_(j < m) Num.min (dv (coefficient c j)) 0 * z j 0.
Proof.
have [h ->] := combinedE (fun j => dmin (coefficient c j) dzero); split=> //; apply: eq_bigr => j _.
by rewrite /dmin dv_le dv_zero; case: leP; rewrite ?dv_zero.
Qed.

(* what is lost where the coefficients of u are rounded *)
Lemma with_roundingE x y : shape 1 k y ->
  dv x + (mx 1 k y *m u) 0 0 <= (mx 1 k (rounded y) *m u) 0 0 + dv (with_rounding bi x y).
Proof.
move=> hy; rewrite /with_rounding; set r := gsub _ _; have [hr er] := gsubE hy (roundedE hy); rewrite -/r in hr er.
have r0 : 0 <= dv (dmul (dadd one (reach bi)) (inner r r)).
  rewrite dvM dvD oneE (innerE hr hr) -/(sq _) mulr_ge0 ?sq_ge0 // addr_ge0 //.
  exact: le_trans (sq_ge0 _) b_reach.
have [t0] := sqrt_upE r0; set t := sqrt_up _ in t0 *; rewrite dvM dvD oneE (innerE hr hr) -/(sq _) => tr.
have lost : (mx 1 k r *m u) 0 0 <= dv t.
  have -> : (mx 1 k r *m u) 0 0 = dot (mx 1 k r)^T u.
    by rewrite [LHS]mxE dot_col; apply: eq_bigr => j _; rewrite [X in _ = X * _]mxE.
  apply: le_trans (ler_norm _) _; rewrite -ler_sqr ?nnegrE // real_normK ?num_real //.
  apply: le_trans (cauchy_schwarz _ _) _; apply: le_trans tr; rewrite sq_tr sq_u [leRHS]mulrC.
  by rewrite ler_wpM2l ?sq_ge0 // lerD2l.
set s := if _ then _ else _; have xs : dv x + dv t <= dv s.
  rewrite /s; case: ifP => [/Z.eqb_eq e|_]; last by rewrite -dvD; exact: float_radiusE.
  by rewrite dv_zero -dvD /dv e zr0 mul0r.
have -> : (mx 1 k (rounded y) *m u) 0 0 = (mx 1 k y *m u) 0 0 - (mx 1 k r *m u) 0 0.
  by rewrite er mulmxBl [X in _ = _ - X]mxE [(- _ : 'M_(_, _)) 0 0]mxE opprB addrC subrK.
by move: lost xs; move: (dv s) (dv t) (dv x) (_ 0 0) (_ 0 0) => *; lra.
Qed.

Lemma row_of_aboveE i c : shape 1 (m + k) (row_of mul m k f (Above i c)) /\
  (mx 1 (m + k) (row_of mul m k f (Above i c)) *m col_mx p u) 0 0
  = \sum_(j < m) (if eqn i j then -1 else `|dv (coefficient c j)|) * p j 0
    + (mx 1 k (rounded (negative_part mul m k f c)) *m u) 0 0.
Proof.
have [h1 e1] := as_rowE (size_mkseq (fun j => if eqn i j then minus_one else dabs (coefficient c j)) m).
have [/roundedE h2 _] := negative_partE c; have [h5 e5] := besideE h1 h2.
split=> //; rewrite /row_of e5 mul_row_col [LHS]mxE; congr (_ + _).
rewrite e1 mxE; apply: eq_bigr => j _; rewrite [X in X * _ = _]mxE nth_mkseq //; congr (_ * _).
by case: eqn; rewrite ?minus_oneE ?dv_abs.
Qed.

Lemma row_of_rangeE c : shape 1 (m + k) (row_of mul m k f (Range c)) /\
  (mx 1 (m + k) (row_of mul m k f (Range c)) *m col_mx p u) 0 0 = (mx 1 k (rounded (opposite mul m k f c)) *m u) 0 0.
Proof.
have [h1 e1] := blankE 1 m; have [/roundedE h2 _] := combinedE (fun j => dmul minus_one (coefficient c j)).
by have [h3 e3] := besideE h1 h2; split=> //; rewrite /row_of e3 mul_row_col e1 mul0mx add0r.
Qed.

Lemma plane_shape s : is_plane m k bi s -> shape 1 (m + k) (row_of mul m k f s).
Proof.
case: s => [i /PeanoNat.Nat.ltb_lt/ssrnat.ltP hi|b /shapedP //|i c _|c _]; last 2 first.
- by case: (row_of_aboveE i c).
- by case: (row_of_rangeE c).
by have [h1 _] := row_atE (Ordinal hi) hf; have [h2 _] := blankE 1 m; case: (besideE h2 h1).
Qed.

Lemma row_ofE (i : 'I_m) : shape 1 (m + k) (row_of mul m k f (Row i)) /\
  (mx 1 (m + k) (row_of mul m k f (Row i)) *m col_mx p u) 0 0 = z i 0.
Proof.
have [h1 e1] := row_atE i hf; have [h2 e2] := blankE 1 m; have [h3 e3] := besideE h2 h1.
by split=> //; rewrite e3 mul_row_col e2 mul0mx add0r e1 -row_mul mxE.
Qed.

Lemma held_sides s : is_plane m k bi s -> held (s, true) \/ held (s, false).
Proof. by move=> hs; rewrite /held /=; case: (leP 0 (side_value s)) => [h|/ltW h]; [left|right]. Qed.

Lemma of_place_none (T : Type) i (x : seq (nat * T)) : ~~ has (fun y => eqn i y.1) x -> of_place i x = None.
Proof. by elim: x => //= y x IH; case: ifP => // _ /IH. Qed.

(* p_i = z_i <= slack + sum c_j z_j where z_i >= 0; and c z <= c p, or at most -c q where c < 0 *)
Lemma held_above i c : is_plane m k bi (Above i c) -> held (Above i c, true).
Proof.
move=> hs; split=> //=; rewrite /side_value; have [_ ->] := row_of_aboveE i c.
have /and3P[/PeanoNat.Nat.ltb_lt/ssrnat.ltP hi _ /of_place_none no] := hs; pose i' := Ordinal hi.
have [x0] := farthest_sumE (size_mkseq
  (fun j => if eqn i j then one else dmul minus_one (coefficient c j)) m).
rewrite /slack_of; set x := farthest_sum _ _ _ _ in x0 *; have [hy] := negative_partE c.
have := with_roundingE x hy; move: (rounded _) (with_rounding _ _ _) => y s; move=> + ey; rewrite ey => lost hx.
suff : 0 <= \sum_(j < m) ((if eqn i j then -1 else `|dv (coefficient c j)|) * p j 0
                       + Num.min (dv (coefficient c j)) 0 * z j 0) + dv x.
  by rewrite big_split /=; move: lost; move: (dv x) (\sum_(_ < m) _) (\sum_(_ < m) _) => *; lra.
move: hx x0; move: (dv x) => {s lost}s hx s0.
pose g (j : 'I_m) := (if eqn i j then -1 else `|dv (coefficient c j)|) * p j 0 + Num.min (dv (coefficient c j)) 0 * z j 0.
move: hx; rewrite (eq_bigr (fun j : 'I_m => (if j == i' then 1 else - dv (coefficient c j)) * z j 0)) => [|j _]; last first.
  rewrite nth_mkseq // eqnE -val_eqE eq_sym; case: ifP => _; rewrite ?oneE //.
  by rewrite dvM minus_oneE mulN1r.
rewrite (bigD1 i') //= eqxx mul1r (bigD1 i' (F := g)) //= {1}/g eqnE eqxx /coefficient no dv_zero minxx mul0r addr0 mulN1r.
have le_ (j : 'I_m) : j != i' -> 0 <= g j /\ dv (coefficient c j) * z j 0 <= g j.
  move=> ji; rewrite /g eqnE; have -> : (i == j) = false by rewrite eq_sym -[i]/(val i') val_eqE (negbTE ji).
  have := p_ge0 j; have := p_gez j; move: (p j 0) (z j 0) (dv _) => pj zj b h1 h2.
  have [b0|/ltW b0] := leP 0 b; first by rewrite ger0_norm // mul0r addr0 mulr_ge0 // ler_wpM2l.
  rewrite ler0_norm //; split; nra.
have T0 : 0 <= \sum_(j < m | j != i') g j by apply: sumr_ge0 => j /le_[].
have T1 : \sum_(j < m | j != i') dv (coefficient c j) * z j 0 <= \sum_(j < m | j != i') g j.
  by apply: ler_sum => j /le_[].
rewrite (eq_bigr (fun j : 'I_m => - (dv (coefficient c j) * z j 0))) => [|j /negbTE ->]; last by rewrite mulNr.
rewrite sumrN; set V := \sum_(j < m | _) dv _ * _ in T1 * => h.
by rewrite [p i' 0]mxE /Network.pos; case: (leP (z i' 0) 0) => zi; lra.
Qed.

Lemma held_range c : is_plane m k bi (Range c) -> held (Range c, true).
Proof.
move=> hs; split=> //=; rewrite /side_value; have [_ ->] := row_of_rangeE c; have /andP[hb _] := hs.
have [hy ey] := combinedE (fun j => dmul minus_one (coefficient c j)).
apply: le_trans (with_roundingE _ hy); rewrite ey; have := farthest_kinkE (size_mkseq (coefficient c) m) hb.
rewrite -subr_ge0; have -> // : \sum_(j < m) dv (dmul minus_one (coefficient c j)) * z j 0
    = - \sum_(i < m) dv (nth dzero (mkseq (coefficient c) m) i) * z i 0.
by rewrite -sumrN; apply: eq_bigr => j _; rewrite nth_mkseq // dvM minus_oneE mulN1r mulNr.
Qed.

Lemma all_stated path s path' : all_hold held path -> stated m k bi path s = Some path' -> all_hold held path'.
Proof.
case: s => // [i l|l] hp; rewrite /stated; case: ifP => // h [<-]; apply: all_hold_rcons => //.
  exact: held_above.
exact: held_range.
Qed.

Lemma held_row s i : held (Row i, s) -> exists2 j : 'I_m, i = j & if s then 0 <= z j 0 else z j 0 <= 0.
Proof.
case=> /= /PeanoNat.Nat.ltb_lt/ssrnat.ltP hi h; exists (Ordinal hi) => //; move: h.
by rewrite /side_value; have [_ ->] := row_ofE (Ordinal hi); rewrite dv_zero addr0.
Qed.

Section Quadratic.
Variables (tau : dyadic) (c : nat).
Hypothesis tau0 : 0 < dv tau.
Definition point : 'cV[R]_(m + k + c) := col_mx (col_mx ((dv tau)^-1 *: p) u) (const_mx 1).

Lemma unscale (x : 'cV[R]_m) : (dv tau)%:M *m ((dv tau)^-1 *: x) = x.
Proof. by rewrite mul_scalar_mx scalerA divff ?scale1r // gt_eqF. Qed.

Lemma scaledE s : is_plane m k bi s -> shape 1 (m + k + c) (scaled mul m k f bi tau c s) /\
  (mx 1 (m + k + c) (scaled mul m k f bi tau c s) *m point) 0 0
  = (mx 1 (m + k) (row_of mul m k f s) *m col_mx p u) 0 0 + c%:R * dv (slack_of mul m k f bi s).
Proof.
move=> /plane_shape hs; have [h1 e1] := filledE 1 m; have [h2 e2] := gscaleE tau h1; have [h3 e3] := filledE 1 k.
have [h4 e4] := besideE h2 h3; have [h5 e5] := entrywiseE hs h4; have [h8 e8] := filledE 1 c.
have [h6 e6] := gscaleE (slack_of mul m k f bi s) h8.
have [h7 e7] := besideE h5 h6; split=> //; rewrite e7 mul_row_col [LHS]mxE; congr (_ + _); last first.
  rewrite e6 e8 -scalemxAl [LHS]mxE mulrC; congr (_ * _).
  by rewrite mxE (eq_bigr (fun=> 1)) ?sumr_const ?card_ord // => j _; rewrite !mxE mulr1.
rewrite [LHS]mxE [RHS]mxE; apply: eq_bigr => l _; rewrite e5 e4 e2 e1 e3.
case: (split_ordP l) => l' ->; rewrite ?row_mxEl ?row_mxEr ?col_mxEu ?col_mxEd.
  rewrite -mulrA; congr (_ * _); rewrite ![(_ *: _ : 'M_(_, _)) _ _]mxE [const_mx _ _ _]mxE mulr1 mulrA.
  by rewrite divff ?mul1r // gt_eqF.
by rewrite [const_mx _ _ _]mxE mulr1.
Qed.

(* where a fact has its slack *)
Definition has_place (s : step) : bool := eqn c 1 || Z.eqb (num (slack_of mul m k f bi s.1)) Z0.

Lemma held_scaled s : has_place s -> held s -> on_side (scaled mul m k f bi tau c) point s.
Proof.
case: s => s b ok [/= hs h]; have [h1 e1] := scaledE hs; split=> //=; rewrite e1.
suff -> : c%:R * dv (slack_of mul m k f bi s) = dv (slack_of mul m k f bi s) by [].
by case/orP: ok => [/eqnP ->|/Z.eqb_eq e]; rewrite ?mul1r // /dv e zr0 mul0r mulr0.
Qed.

Lemma all_scaled path : all has_place path -> all_hold held path ->
  all_hold (on_side (scaled mul m k f bi tau c) point) path.
Proof. by elim: path => //= s path IH /andP[ok1 ok2] [h1 h2]; split; [exact: held_scaled|exact: IH]. Qed.

Lemma plain_facts : let g := above (beside (beside (scalar m tau) (blank m k)) (blank m c))
    (beside (beside (scalar m tau) (gscale minus_one f)) (blank m c)) in
  shape (m + m) (m + k + c) g /\ on_facts m (m + m) g point.
Proof.
have [h1 e1] := scalarE m tau; have [h2 e2] := blankE m k; have [h3 e3] := blankE m c.
have [h4 e4] := besideE h1 h2; have [h5 e5] := besideE h4 h3; have [h6 e6] := gscaleE minus_one hf.
have [h7 e7] := besideE h1 h6; have [h8 e8] := besideE h7 h3; have [h9 e9] := aboveE h5 h8.
move=> g; split=> //.
have e : mx (m + m) (m + k + c) g *m point = col_mx p (p - z).
  rewrite /g e9 mul_col_mx e5 e8 /point !mul_row_col e3 !mul0mx !addr0 e4 e7 !mul_row_col e2 e1 e6.
  by rewrite mul0mx addr0 unscale minus_oneE scaleN1r mulNmx.
have sub_ i : (p - z) i 0 = p i 0 - z i 0 by rewrite [LHS]mxE [(- z) i 0]mxE.
split=> [i|i j].
  rewrite e; case: (split_ordP i) => j ->; rewrite ?col_mxEu ?col_mxEd ?p_ge0 //.
  by rewrite sub_ subr_ge0 p_gez.
rewrite e; case/freeP => -[hi hj].
  have -> : i = lshift m (Ordinal hi) by apply: val_inj.
  have -> : j = rshift m (Ordinal hi) by apply: val_inj; rewrite /= hj addnC.
  by rewrite col_mxEu col_mxEd sub_ meet0.
have -> : j = lshift m (Ordinal hi) by apply: val_inj.
have -> : i = rshift m (Ordinal hi) by apply: val_inj; rewrite /= hj addnC.
by rewrite col_mxEu col_mxEd sub_ mulrC meet0.
Qed.

Lemma layer_factsE more : (c <= 1)%N ->
  exists h, [/\ (m + m <= h)%N, shape h (m + k + c) (layer_facts m k f radii tau c more)
             & on_facts m h (layer_facts m k f radii tau c more) point].
Proof.
have [h0 o0] := plain_facts; move: h0 o0; rewrite /point /layer_facts.
move: float_radius float_radiusE => radius radiusP; case: c => [|[|//]] h0 o0 _; first by exists (m + m)%N.
case: more => /=; last by exists (m + m)%N.
set minus := scalar m (dmul minus_one tau); set r := transpose m _; set g := above (beside _ _) _ in h0 o0 *.
have hs : size (map radius radii) = m by rewrite size_map.
have [h1 e1] := as_rowE hs; have [h2 e2] := transposeE h1; rewrite -/r in h2 e2.
have [h3 e3] := scalarE m (dmul minus_one tau); rewrite -/minus dvM minus_oneE mulN1r in h3 e3.
have [h4 e4] := blankE m k; have [h5 e5] := besideE h3 h4; have [h6 e6] := besideE h5 h2.
have [h7 e7] := besideE h3 hf; have [h8 e8] := besideE h7 h2.
have [h9 e9] := blankE 1 (m + k); have [h10 e10] := filledE 1 1; have [h11 e11] := besideE h9 h10.
have [h12 e12] := aboveE h6 h8; have [h13 e13] := aboveE h11 h12; have [h14 e14] := aboveE h0 h13.
exists (m + m + (1 + (m + m)))%N; split; first exact: leq_addr; first exact: h14.
apply: on_facts_above (leqnn _) h0 h13 o0 _.
have rE i : 0 <= mx m 1 r i 0 /\ `|z i 0| <= mx m 1 r i 0.
  have -> : mx m 1 r i 0 = dv (radius (nth dzero radii i)).
    by rewrite e2 e1 [LHS]mxE [LHS]mxE (nth_map dzero) ?radii_m.
  have le_ : `|z i 0| <= dv (radius (nth dzero radii i)) by exact: le_trans (radiiP i) (radiusP _).
  by split=> //; apply: le_trans le_.
rewrite /on_cone; have -> : mx (1 + (m + m)) (m + k + 1) (above (beside (blank 1 (m + k)) (filled 1 1))
      (above (beside (beside minus (blank m k)) r) (beside (beside minus f) r)))
    *m col_mx (col_mx ((dv tau)^-1 *: p) u) (const_mx 1 : 'cV_1)
    = col_mx (const_mx 1) (col_mx (mx m 1 r - p) (mx m 1 r - (p - z))).
  have one_ l (x : 'M[R]_(l, 1)) : x *m (const_mx 1 : 'cV_1) = x.
    by apply/matrixP => i j; rewrite mxE big_ord1 [const_mx _ _ _]mxE mulr1 !ord1.
  have neg : (- dv tau)%:M *m ((dv tau)^-1 *: p) = - p.
    by rewrite -[(- _)%:M]scalemx1 scaleNr scalemx1 mulNmx unscale.
  rewrite e13 e12 !mul_col_mx e11 e6 e8 !mul_row_col !one_ e9 mul0mx add0r e10 e5 e7 !mul_row_col e3 e4 neg.
  rewrite mul0mx addr0; congr (col_mx _ (col_mx _ _)); first by rewrite addrC.
  by rewrite opprB addrC [- p + _]addrC.
have at_ (x y : 'cV[R]_m) i : (x - y) i 0 = x i 0 - y i 0 by rewrite [LHS]mxE [(- y) i 0]mxE.
move=> i; case: (split_ordP i) => j ->; rewrite ?col_mxEu ?col_mxEd.
  by rewrite mxE.
case: (split_ordP j) => l ->; rewrite ?col_mxEu ?col_mxEd !at_; have [r0] := rE l; rewrite ler_norml => /andP[lo hi].
  by rewrite subr_ge0 [p l 0]mxE ge_max hi.
by rewrite opprB addrA subr_ge0 [p l 0]mxE ge_max; move: lo hi; rewrite lerNl => lo hi; apply/andP; split; lra.
Qed.

(* level |pu|^2 + beside |u - pu|^2 + radial c *)
Lemma levelsE level beside_ radial : let g := levels mul m k bi c level beside_ radial in
  [/\ shape (m + k + c) (m + k + c) g, (mx (m + k + c) (m + k + c) g)^T = mx (m + k + c) (m + k + c) g
    & qf (mx (m + k + c) (m + k + c) g) point = dv level + dv beside_ * sq bias_ + c%:R * dv radial].
Proof.
pose N := (m + k + c)%N.
have form_ l b x : shape l N b -> let g := mul (transpose N b) (gscale x (transpose N b)) in
    [/\ shape N N g, (mx N N g)^T = mx N N g & qf (mx N N g) point = dv x * sq (mx l N b *m point)].
  move=> hb g; have [ht et] := transposeE hb; have [h1 e1] := gscaleE x ht; have [h2 e2] := productE ht h1.
  have e : mx N N g = dv x *: ((mx l N b)^T *m mx l N b).
    by rewrite /g e2 e1 et linearZ /= trmxK -scalemxAr.
  by split=> //; rewrite e ?linearZ /= ?trmx_mul ?trmxK // qfZ qf_gramT.
have [b1 c1] := blankE k m; have [b2 c2] := scalarE k one; have [b4 c4] := blankE k c.
have [bp cp] := pricedE (free_ bi) b2; have [bq cq] := gsubE b2 bp.
have only x : shape k k x -> shape k N (beside (beside (blank k m) x) (blank k c)) /\
    mx k N (beside (beside (blank k m) x) (blank k c)) *m point = mx k k x *m u.
  move=> hx; have [b3 c3] := besideE b1 hx; have [b5 c5] := besideE b3 b4; split=> //.
  by rewrite c5 /point !mul_row_col c4 mul0mx addr0 c3 mul_row_col c1 mul0mx add0r.
have [o1 y1] := only _ bp; have [o2 y2] := only _ bq.
have [b6 c6] := blankE c (m + k); have [b7 c7] := scalarE c one; have [b8 c8] := besideE b6 b7.
have [h1 s1 q1] := form_ _ _ level o1; have [h2 s2 q2] := form_ _ _ beside_ o2.
have [h3 s3 q3] := form_ _ _ radial b8.
have [h4 e4] := gaddE h1 h2; have [h5 e5] := gaddE h4 h3.
split; [exact: h5|by rewrite e5 e4 !linearD /= s1 s2 s3|].
have paid_ : paid (free_ bi) (1%:M : 'M[R]_k) *m u = pu.
  rewrite -paidE; apply/matrixP => i j; rewrite !ord1 [LHS]mxE [RHS]mxE.
  case: ifP => hi; first by rewrite big1 // => l _; rewrite mxE hi mul0r.
  rewrite (bigD1 i) //= big1 ?addr0 => [|l li]; first by rewrite !mxE hi eqxx mul1r.
  by rewrite !mxE hi eq_sym (negbTE li) mul0r.
rewrite /= e5 e4 !qfD q1 q2 q3 y1 y2 cq cp c2 oneE mulmxBl paid_ mul1mx -/bias_ u1 mulr1.
by rewrite c8 /point mul_row_col c6 mul0mx add0r c7 oneE mul1mx sq_ones [X in _ + X]mulrC.
Qed.

Lemma outputs_ofE n w : shape m n w -> shape (m + k + c) n (outputs_of mul m k n f a w tau c) /\
  (mx (m + k + c) n (outputs_of mul m k n f a w tau c))^T *m point = (mx m n w)^T *m hid.
Proof.
move=> hw; have [h1 e1] := scalarE m (dmul (dsub one a) tau); have [h2 e2] := gscaleE a hf.
have [h3 e3] := besideE h1 h2; have [h4 e4] := blankE m c; have [h5 e5] := besideE h3 h4.
have [h6 e6] := transposeE h5; have [h7 e7] := transposeE hw; have [h8 e8] := productE h6 h7.
split=> //; rewrite /outputs_of e8 e6 e7 trmxK trmx_mul trmxK -mulmxA; congr (_ *m _).
rewrite e5 mul_row_col e4 mul0mx addr0 e3 mul_row_col e1 e2 dvM dvB oneE -scalemxAl -/z.
apply/matrixP => i j; rewrite ord1 hidE mul_scalar_mx scalerA -mulrA divff ?mulr1 ?gt_eqF //.
by rewrite [LHS]mxE ![(_ *: _ : 'cV_m) i 0]mxE; ring.
Qed.

Lemma point_le : sq point <= c%:R + sq u * (1 + (dv tau)^-1 ^+ 2 * sq (mx m k f)).
Proof.
have le_ : sq p <= sq u * sq (mx m k f).
  rewrite sq_col {2}/sq /dot mulr_sumr; apply: ler_sum => i _; apply: (@le_trans _ _ (z i 0 ^+ 2)).
    have := meet0 i; have := mulr_ge0 (p_ge0 i) (p_ge0 i).
    have := sqr_ge0 (p i 0 - z i 0); move: (p i 0) (z i 0) => x y; nra.
  have -> : z i 0 = dot (row i (mx m k f))^T u.
    by rewrite dot_col mxE; apply: eq_bigr => j _; rewrite !mxE.
  apply: le_trans (cauchy_schwarz _ _) _; rewrite mulrC ler_wpM2l ?sq_ge0 // sq_tr /sq /dot big_ord1.
  by apply: ler_sum => j _; rewrite !mxE.
rewrite /point !sq_col_mx sqZ sq_ones; have := ler_wpM2l (sqr_ge0 (dv tau)^-1) le_.
by rewrite mulrDr mulr1; move: (_ ^+ 2) (sq p) => x y; rewrite [x * (sq u * _)]mulrCA; lra.
Qed.
End Quadratic.

Lemma conedE tau c h fs cone (g g' : grid) : let N := (m + k + c)%N in
  shape h N fs -> on_cone h fs (point tau c) -> shape N N g -> (mx N N g)^T = mx N N g ->
  coned mul m k bi fs c cone g = Some g' ->
  [/\ shape N N g', (mx N N g')^T = mx N N g' & qf (mx N N g) (point tau c) <= qf (mx N N g') (point tau c)].
Proof.
rewrite /coned; case: cone => [[y t]|] /=; last by move=> _ _ sg sym [<-].
case: c => [|[|//]] // hB oB sg sym; rewrite (proj1 hB); set y0 := beside y _; set x := transpose h _.
case: ifP => // /and3P[/shapedP hy /eqnP ht /(all_nthP (dzero, dzero)) le_] [<-].
have [t1 e1] := transposeE hy; have [t2 e2] := pricedE (free_ bi) t1; have [hx ex_] := transposeE t2.
rewrite -/x in hx ex_; have [t4 e4] := gscaleE minus_one hx; have [b1 c1] := blankE h m.
have [b2 c2] := besideE b1 t4; have [r1 d1] := as_rowE ht; have [r2 d2] := transposeE r1.
have [hl el] := besideE b2 r2; move: hl el; set l := beside _ (transpose _ _) => hl el.
have oL : on_cone h l (point tau 1).
  move=> i; rewrite el c2 /point !mul_row_col c1 mul0mx add0r e4 minus_oneE scaleN1r d2 d1.
  have ei : (mx h k x *m u) i 0 = dot (row i (mx h k x))^T pu.
    rewrite mxE dot_col; apply: eq_bigr => j _.
    by rewrite -paidE ex_ e2 !mxE; case: ifP => _; rewrite ?mul0r ?mulr0.
  have sl : size (squares_of_rows x) = h by rewrite size_map (proj1 hx).
  have := le_ i; rewrite size_zip sl ht minnn ltn_ord nth_zip ?sl ?ht // => /(_ isT) /andP[] /= t0.
  rewrite dv_le dvM (squares_of_rowsE i hx) => sq_le; rewrite dv_ge0 in t0.
  rewrite mulNmx [leRHS]mxE [(- _ : 'M_(_, _)) i 0]mxE ei [X in _ + X]mxE big_ord1 !mxE mulr1.
  rewrite addrC subr_ge0; apply: le_trans (ler_norm _) _.
  rewrite -ler_sqr ?nnegrE // real_normK ?num_real //; apply: le_trans (cauchy_schwarz _ _) _.
  by rewrite u1 mulr1 sq_tr expr2.
have [p1 P1] := transposeE hB; have [q1 Q1] := transposeE hl.
have [p2 P2] := productE p1 q1; have [q2 Q2] := productE q1 p1; have [s1 S1] := gaddE p2 q2.
have [s2 S2] := gaddE sg s1.
split; [exact: s2|by rewrite S2 S1 P2 Q2 P1 Q1 !linearD /= !trmx_mul !trmxK sym [X in _ + X]addrC|].
have qf_ (A B : 'M[R]_(h, m + k + 1)) v : qf (A^T *m B^T^T) v = dot (A *m v) (B *m v).
  by rewrite trmxK /qf -mulmxA dotC dot_mull trmxK dotC.
have dot_ge0 (v w : 'cV[R]_h) : (forall j, 0 <= v j 0) -> (forall j, 0 <= w j 0) -> 0 <= dot v w.
  by move=> v0 w0; rewrite dot_col sumr_ge0 // => j _; rewrite mulr_ge0.
by rewrite S2 S1 P2 Q2 P1 Q1 !qfD !qf_ lerDl addr_ge0 // dot_ge0.
Qed.

Lemma half_ofE b : let h := half_of m k b in shape (m + k + 1) 1 h /\
  forall tau, (mx (m + k + 1) 1 h)^T *m point tau 1 = const_mx ((if b then 1 else -1) / 2).
Proof.
have [h1 e1] := blankE (m + k) 1; set g := Grid [:: [:: if b then Zpos xH else Zneg xH]] (Zneg xH).
have h2 : shape 1 1 g by split=> // -[].
have [h3 e3] := aboveE h1 h2; split=> [|tau]; first exact: h3.
rewrite /half_of -/g e3 tr_col_mx e1 trmx0 /point mul_row_col mul0mx add0r.
apply/matrixP => i j; rewrite !mxE big_ord1 !mxE mulr1 /entry_ /= !ord1 /=.
by case: (b); rewrite /zr /p2 /= exprN1.
Qed.

(* what is proved of y = W^T s(F u), where a sign of it is told *)
Definition output n (w : grid) : 'cV[R]_n := (mx m n w)^T *m hid.
Definition told n (sign : option bool) (w : grid) : Prop :=
  forall b, sign = Some b -> forall j, 0 <= (if b then 1 else -1) * output n w j 0.

Lemma of_sign (b : bool) (x y : R) : 0 <= (if b then 1 else -1) * x -> (if b then 1 else -1) * x <= y ->
  x ^+ 2 <= y * y.
Proof.
case: b; first by rewrite mul1r expr2 => h1 h2; apply: ler_pM.
by rewrite mulN1r -sqrrN expr2 => h1 h2; apply: ler_pM.
Qed.

Lemma quadraticE n w sign path q tau level beside_ radial linear cone t : shape m n w -> all_hold held path ->
  told n sign w -> quadratic mul m k n f a w bi radii sign path q tau level beside_ radial linear cone = Some t ->
  sq (output n w) <= dv t.
Proof.
move=> hw hp ht; rewrite /quadratic.
set c := (if radial is Some _ then 1 else 0)%N; set r := if radial is Some r then r else dzero.
have c1 : (c <= 1)%N by rewrite /c; case: (radial).
have cr : c%:R * dv r = dv r by rewrite /c /r; case: (radial) => *; rewrite ?mul1r // mul0r dv_zero.
move: (inverse tau) => i; case: ifP => // /and4P[]; rewrite !dv_le dvM oneE => i1 i2.
rewrite -zr_lt zr0 => tau1 placed; have tau0 : 0 < dv tau by rewrite /dv mulr_gt0 ?p2_gt0.
have {i1 i2} ei : dv i = (dv tau)^-1.
  have e : dv tau * dv i = 1 by apply/eqP; rewrite eq_le i1 i2.
  by rewrite -[dv i]mul1r -(mulVf (lt0r_neq0 tau0)) -mulrA e mulr1.
have hx := outputs_ofE c tau0 hw; move: hx; move: (outputs_of _ _ _ _ _ _ _ _ _) => x hx.
case eg : (match linear with true => _ | false => _ end) => [g|] //.
set more := (if cone is Some _ then false else true); case ec: (coned _ _ _ _ _ _ _ _) => [g'|] //.
case e: (form_top _ _ _ _ _ _) => [t0|] // [<-].
have {eg} hG : exists2 V, [/\ shape (m + k + c) (m + k + c) g,
      (mx (m + k + c) (m + k + c) g)^T = mx (m + k + c) (m + k + c) g
      & qf (mx (m + k + c) (m + k + c) g) (point tau c) = V]
    & forall b, V <= b -> sq (output n w) <= if linear then b * b else b.
  case: hx => hx ex_; move: eg; case: (linear) => [|[<-]]; last first.
    exists (sq (output n w)) => //; have [h1 e1] := productE hx hx.
    by rewrite e1 trmx_mul trmxK qf_gram ex_.
  case: (sign) ht => [s|] // /(_ s erefl) ht.
  move: hx ex_; case: (c) => [|[|]] // hx ex_.
  case: ifP => // /eqnP n1 [<-]; subst n; have [hh eh] := half_ofE s.
  have [h1 e1] := productE hx hh; have [h2 e2] := productE hh hx; have [h3 e3] := gaddE h1 h2.
  exists ((if s then 1 else -1) * output 1 w 0 0); last first.
    by move=> b hb; rewrite sq_col big_ord1; apply: of_sign hb.
  have qf_ (A B : 'M[R]_(m + k + 1, 1)) y : qf (A *m B^T) y = (A^T *m y) 0 0 * (B^T *m y) 0 0.
    by rewrite /qf -mulmxA dotC dot_mull dot_col big_ord1 mulrC.
  split=> //; first by rewrite e3 e1 e2 linearD /= !trmx_mul !trmxK addrC.
  rewrite e3 e1 e2 qfD !qf_ eh ex_ -/(output 1 w) [const_mx _ _ _]mxE.
  by move: (output 1 w 0 0) => y; case: (s); lra.
case: hG => V [sg sym eV]; set b := dadd (dadd _ _) _ => hV.
have {}hV : V <= dv b -> sq (output n w) <= dv (if linear then dmul b b else b).
  by move/hV; case: (linear); rewrite ?dvM.
apply: hV; rewrite /b.
have [sl syml eL] := levelsE tau c level beside_ r; have [sd ed] := gsubE sg sl.
have [h [mh hf' of_]] := layer_factsE tau0 more c1.
have [h' [hf2 of2]] := factsE mh hf' of_ (all_scaled tau0 placed hp).
have [|sg' sym' le_] := conedE hf2 (proj1 of2) sd _ ec; first by rewrite ed linearB /= sym syml.
have := le_trans le_ (form_topE sg' sym' hf2 of2 e).
rewrite ed qfB eV eL cr => hle.
rewrite !dvD !dvM !dv_max !dvD dv_zero !dvM !dvD !dvM (innerE hf hf) ei oneE -/(sq _) -expr2.
have wide := point_le tau c; set X := sq (point _ _) in hle wide *; have X0 : 0 <= X := sq_ge0 _.
set size := 1 + _ * sq (mx m k f) in wide *.
have size0 : 0 <= size by rewrite addr_ge0 // mulr_ge0 ?sqr_ge0 ?sq_ge0.
have X2 : X <= 1 + (1 + dv (reach bi)) * size.
  apply: le_trans wide _; rewrite lerD //; first by have : c%:R <= 1%:R :> R by rewrite ler_nat.
  by rewrite ler_wpM2r // sq_u lerD2l.
have b1 : dv beside_ * sq bias_ <= Num.max (dv beside_) 0 * dv (reach bi).
  apply: (@le_trans _ _ (Num.max (dv beside_) 0 * sq bias_)); first by rewrite ler_wpM2r ?sq_ge0 // le_max lexx.
  by rewrite ler_wpM2l // le_max lexx orbT.
have t1 : dv t0 * X <= Num.max (dv t0) 0 * (1 + (1 + dv (reach bi)) * size).
  apply: (@le_trans _ _ (Num.max (dv t0) 0 * X)); first by rewrite ler_wpM2r // le_max lexx.
  by rewrite ler_wpM2l // le_max lexx orbT.
have l1 : dv level + dv r <= Num.max (dv level + dv r) 0 by rewrite le_max lexx.
move: l1 b1 t1 hle; move: (Num.max _ 0 * (1 + _)) (Num.max _ 0 * dv (reach bi)) (Num.max _ 0) => x1 x2 x3.
by move: (dv beside_ * _) (dv t0 * X) => x4 x5; lra.
Qed.

(* linear bounds *)
Lemma raisedE path mu x i : (i < m)%N -> dv (nth dzero (raised m path mu x) i)
  = \sum_(y <- mu) dv (of_row path i y) + dv (nth dzero x i).
Proof.
move=> im; rewrite nth_mkseq //; elim: mu => [|y mu IH] /=; first by rewrite big_nil add0r.
by rewrite dvD IH big_cons addrA.
Qed.

Lemma farthestE path mu x : all_hold held path -> multipliers path mu ->
  0 <= dv (farthest mul m k bi path mu x) /\
  \sum_(i < m) dv (nth dzero x i) * z i 0 <= dv (farthest mul m k bi path mu x).
Proof.
move=> hp /andP[/andP[hl _] hm]; have hr : size (raised m path mu x) = m by exact: size_mkseq.
have [far0 total] := farthest_sumE hr; split; first exact: far0.
apply: le_trans total.
rewrite -subr_ge0 -sumrB.
have -> : \sum_(i < m) (dv (nth dzero (raised m path mu x) i) * z i 0 - dv (nth dzero x i) * z i 0)
    = \sum_(y <- mu) \sum_(i < m) dv (of_row path i y) * z i 0.
  rewrite exchange_big; apply: eq_bigr => i _; rewrite raisedE ?ltn_ord //.
  by rewrite mulrDl addrK mulr_suml.
elim: mu hl hm {hr far0} => [|[l v] mu IH] /=; first by rewrite big_nil.
case/andP => /PeanoNat.Nat.ltb_lt/ssrnat.ltP hl hls /andP[/andP[v0 hrow] hms].
rewrite big_cons addr_ge0 ?IH // /of_row /=.
have := all_hold_nth (Line (blank 0 0), true) hp hl; move: hrow.
case: (nth _ path l) => [[j|//|//|//] b] _ /held_row[j' -> hz].
rewrite (bigD1 j') //= eqnE eqxx big1 ?addr0 => [|i ij].
  case: (b) hz => hz; first by rewrite mulr_ge0 // -dv_ge0.
  by rewrite dvM minus_oneE mulN1r mulNr oppr_ge0 mulr_ge0_le0 // -dv_ge0.
by rewrite val_eqE (negbTE ij) dv_zero mul0r.
Qed.

(* bounds by linear functions *)
Lemma sign_onE path (i : 'I_m) s : all_hold held path -> sign_on path i = Some s ->
  if s then 0 <= z i 0 else z i 0 <= 0.
Proof.
pose Q (s : bool) := if s then 0 <= z i 0 else z i 0 <= 0.
suff go acc : (forall s, acc = Some s -> Q s) -> all_hold held path -> forall s, foldl (fun s x =>
    if x is (Row j, b) then if eqn i j then Some b else s else s) acc path = Some s -> Q s.
  by move=> hp; apply: (go None).
elim: path acc => [|[[j|b|j b|b] b'] path IH] acc h //= [h1 h2]; apply: IH => //.
by case: ifP => // /eqnP e; move: h1; rewrite -e => /held_row[j' /val_inj <-] hz _ [<-].
Qed.

Lemma of_placeP (T : Type) (P : T -> Prop) i (x : seq (nat * T)) t :
  (forall y, List.In y x -> y.1 = i -> P y.2) -> of_place i x = Some t -> P t.
Proof.
elim: x => //= y x IH h; case: ifP => [/eqnP e [<-]|_]; first by apply: h; [left|].
by apply: IH => y' hy; apply: h; right.
Qed.

Lemma unit_atE (i : 'I_m) s :
  \sum_(j < m) dv (nth dzero (unit_at m i s) j) * z j 0 = (if s then 1 else -1) * z i 0.
Proof.
rewrite (bigD1 i) //= nth_mkseq // eqnE eqxx big1 ?addr0 => [|j ji].
  by case: s; rewrite ?oneE ?minus_oneE.
by rewrite nth_mkseq // eqnE val_eqE eq_sym (negbTE ji) dv_zero mul0r.
Qed.

Definition ranges (zz : R) (x : dyadic * dyadic * dyadic) : Prop := let '(kappa, lo, hi) := x in
  [/\ dv a <= dv kappa, dv kappa <= 1, - dv lo <= zz & zz <= dv hi].

Lemma rangeE path x (i : 'I_m) : all_hold held path -> chord_ok m a path x -> place x = i :> nat ->
  ranges (z i 0) (range mul m k bi radii path x).2.
Proof.
move=> hp /and5P[_ h1 h2 hlo hhi] e; rewrite /range /ranges /= e.
split; rewrite -?oneE -?dv_le //.
- have := radiiP i; rewrite ler_norml => /andP[lo _]; rewrite lerNl.
  have [_] := farthestE (unit_at m i false) hp hlo; rewrite unit_atE mulN1r => h.
  by rewrite /dmin; case: ifP => // _; rewrite lerNl.
- have := radiiP i; rewrite ler_norml => /andP[_ hi].
  have [_] := farthestE (unit_at m i true) hp hhi; rewrite unit_atE mul1r => h.
  by rewrite /dmin; case: ifP.
Qed.

Lemma line_aboveE sign rho ch w zz x : (forall s, sign = Some s -> if s then 0 <= zz else zz <= 0) ->
  ranges zz ch -> line_above a sign rho ch w = Some x ->
  dv w * act (dv a) zz <= dv x.1 * zz + dv x.2.
Proof.
case: sign => [s|] /= hs; first move/(_ s erefl): hs => hs.
  move=> _ [<-]; rewrite /= dv_zero addr0; case: s hs => hs.
    by have -> : act (dv a) zz = zz by exact: Network.act_pos.
  by have -> : act (dv a) zz = dv a * zz by [exact: Network.act_neg]; rewrite dvM mulrA.
case: ch => [[kappa lo] hi] [ak k1 hlo hhi]; case: ifP => w0.
  case: ifP => // /andP[]; rewrite !dv_le oneE => h1 h2 [<-] /=; rewrite dv_zero addr0 dvM -mulrA.
  apply: ler_wnM2l; last exact: Network.act_above.
  by rewrite /dv mulr_le0_ge0 ?p2_ge0 // ltW // -zr0 zr_lt.
case=> <-; rewrite /= !dvM dv_max !dvM !dvB oneE -mulrA -mulrDr; apply: ler_wpM2l.
  by rewrite -dv_ge0; lia.
exact: Network.act_chord.
Qed.

Lemma all_ofE (T : Type) (d : T) x l : all_of x = Some l ->
  size l = size x /\ forall i, (i < size x)%N -> nth None x i = Some (nth d l i).
Proof.
elim: x l => [|y x IH] l /=; first by case=> <-.
case: y => // y; case e: (all_of x) => [t|] // [<-]; have [h1 h2] := IH _ e.
by split=> [|[|i] hi] //=; [rewrite h1|exact: h2].
Qed.

Lemma cellE sign_ path mu rho chords w t : shape m 1 w -> all_hold held path -> told 1 (Some sign_) w ->
  cell mul m k a w bi radii sign_ path mu rho chords = Some t -> sq (output 1 w) <= dv t.
Proof.
move=> hw hp /(_ sign_ erefl 0) y0; rewrite /cell; case: ifP => // /and5P[a1 hmu _ hch _].
case e: (all_of _) => [l|] // [<-]; have [hl hn] := all_ofE (dzero, dzero) e.
rewrite size_mkseq in hl hn; rewrite sq_col big_ord1 dvM; apply: of_sign y0 _.
rewrite dv_max dv_zero le_max; apply/orP; left; rewrite dvD.
have ext : dv (foldr (fun y z => dadd y.2 z) dzero l) = \sum_(i < m) dv (nth (dzero, dzero) l i).2.
  rewrite -hl; elim: (l) => [|x l' IH] /=; first by rewrite big_ord0 dv_zero.
  by rewrite dvD IH big_ord_recl.
rewrite ext; have [_ far] := farthestE (map fst l) hp hmu; apply: le_trans (lerD far (lexx _)).
have -> : (if sign_ then 1 else -1) * output 1 w 0 0
    = \sum_i (if sign_ then 1 else -1) * mx m 1 w i 0 * act (dv a) (z i 0).
  rewrite /output mxE mulr_sumr; apply: eq_bigr => i _; by rewrite mxE [hid i 0]mxE mulrA.
rewrite -big_split; apply: ler_sum => i _ /=.
have := hn i (ltn_ord i); rewrite nth_mkseq // (nth_map (dzero, dzero)) ?hl //; cbv zeta.
set w' := if sign_ then _ else dmul _ _; have -> : (if sign_ then 1 else -1) * mx m 1 w i 0 = dv w'.
  rewrite /w' mxE /entry_; case: (sign_); first by rewrite mul1r.
  by rewrite dvM minus_oneE.
apply: line_aboveE => [b|]; first exact: sign_onE.
case ec: (of_place _ _) => [c|].
  apply: of_placeP ec => y /List.in_map_iff[x [<- hx]] /= ex_.
  by apply: rangeE => //; have /List.forallb_forall := hch; apply.
have := radiiP i; rewrite ler_norml => /andP[lo hi].
rewrite /ranges dv_half dvD oneE; rewrite dv_le oneE in a1; split=> //; move: (dv a) a1 => x; lra.
Qed.

Lemma layer_squareE n w start sign t x : shape m n w -> all_hold held start -> told n sign w ->
  layer_square mul m k n f a w bi radii start sign t = Some x -> sq (output n w) <= dv x.
Proof.
move=> hw hs ht e; apply: (worstE (P := all_hold held) (le_ := fun y => sq (output n w) <= y)) e => //.
- by move=> y y' yy h; apply: le_trans h yy.
- exact: sidesE held_sides.
- by move=> path s path'; exact: all_stated.
move=> path [q tau level beside_ radial linear cone|mu rho chords] y hp /=; first exact: quadraticE.
case: (sign) ht => // s ht; case: ifP => // /eqnP n1; subst n; exact: cellE.
Qed.
End Layer.

Lemma radiiE m k f bi (u pu : 'cV[R]_k) moved : shape m k (without bi) -> sq pu = 1 ->
  mx m k f *m u = mx m k (without bi) *m pu + const_mx moved -> `|moved| <= dv (far bi) ->
  size (radii_of bi) = m /\ forall i : 'I_m, `|(mx m k f *m u) i 0| <= dv (nth dzero (radii_of bi) i).
Proof.
move=> hg u1 split_ far_; rewrite /radii_of; move: sqrt_up sqrt_upE => root rootP.
have hn : size (squares_of_rows (without bi)) = m by rewrite size_map (proj1 hg).
split=> [|i]; first by rewrite size_map.
have [r0 hr] := rootP (nth dzero (squares_of_rows (without bi)) i) ltac:(by
  rewrite (squares_of_rowsE i hg) sq_ge0).
rewrite (nth_map dzero) ?hn // dvD; apply: (z_le u1 split_ far_) => //.
by rewrite -(squares_of_rowsE i hg).
Qed.

(* what is said of a free bias *)
Lemma bias_ofE m k free f bi : bias_of m k free f = Some bi -> shape m k f ->
  [/\ free_ bi = free, shape m k (without bi), 0 <= dv (far bi) /\ 0 <= dv (reach bi),
      forall u : 'cV[R]_k, mx m k (without bi) *m u = mx m k f *m paid free u
    & free -> [/\ (0 < m)%N, forall i, sq (row i (mx m k (without bi))) <= dv (far bi) ^+ 2
        & exists2 c, 0 < c /\ dv (far bi) ^+ 2 <= dv (reach bi) * c ^+ 2 & mx m k f *m last_ R true k = const_mx c]].
Proof.
rewrite /bias_of; case: free => [|[<-] hf]; last first.
  split=> //=; rewrite ?dv_zero //; by move=> u; congr (_ *m _); apply/matrixP => i j; rewrite !mxE.
set c := last _ _; set g := transpose _ _; case: ifP => // /andP[c0 /allP call_] [<-] hf /=.
have [ht et] := transposeE hf; have [hp ep] := pricedE true ht; have [hg eg] := transposeE hp.
rewrite -/g in hg eg; have eg' i j : mx m k g i j = if (j.+1 == k)%N then 0 else mx m k f i j.
  by rewrite eg ep et !mxE.
have hs : size (squares_of_rows g) = m by rewrite size_map (proj1 hg).
have [zero_ top_] := most_dyE (squares_of_rows g).
have := sqrt_upE zero_; move: (sqrt_up _) => far [far0 hfar].
have c1 : 0 < zr c * p2 (ex f) by rewrite mulr_gt0 ?p2_gt0 // zr_pos.
have cc : Z.ltb 0 (Z.mul c c) by move: c0; rewrite -!zr_pos zrM => c0; rewrite mulr_gt0.
set x := dmul _ _; have ex_ : dv x = dv far ^+ 2 / p2 (ex f) ^+ 2.
  by rewrite /x !dvM -expr2 dvE p2N p2D -expr2 /zr mul1r.
have reach_ : dv far ^+ 2 <= dv (over_up x (Z.mul c c)) * (zr c * p2 (ex f)) ^+ 2.
  rewrite -ler_pdivrMr ?exprn_gt0 //; apply: le_trans (over_upE x cc (zrM _ _)).
  have z0 : zr c != 0 by rewrite gt_eqF // zr_pos.
  rewrite ex_ le_eqVlt; apply/orP; left; apply/eqP.
  by field; rewrite z0 gt_eqF ?p2_gt0.
split=> //.
- split=> //; rewrite -(pmulr_lge0 _ (exprn_gt0 2 c1)).
  exact: le_trans (sqr_ge0 _) reach_.
- move=> u; apply/matrixP => i j; rewrite !ord1 !mxE; apply: eq_bigr => l _.
  by rewrite eg' [paid _ _ _ _]mxE; case: ifP => _; rewrite ?mul0r ?mulr0.
move=> _; split=> [|i|].
- by move: c0; rewrite /c -(proj1 hf); case: (ints f).
- by apply: le_trans hfar; rewrite -(squares_of_rowsE i hg) top_ // hs.
exists (zr c * p2 (ex f)) => //; apply/matrixP => i j; rewrite ord1 [RHS]mxE /last_ /= mxE.
have [hm hk] := hf; have him : (i < size (ints f))%N by rewrite hm.
have /Z.eqb_eq last_ := call_ _ (mem_nth [::] him); have hr := hk i (ltn_ord i).
have k0 : (0 < k)%N.
  by rewrite -hr; case: (nth _ _ _) last_ c0 => [|//] /= <-.
have kk : (k.-1 < k)%N by rewrite prednK.
rewrite (bigD1 (Ordinal kk)) //= big1 ?addr0 => [|l lk].
  by rewrite [(\col_i _) _ _]mxE /= prednK // eqxx mulr1 mxE /entry_ /= -last_ -nth_last hr.
rewrite [(\col_i _) _ _]mxE; case: eqP => [h|_]; last by rewrite mulr0.
by case/eqP: lk; apply: val_inj; exact: (congr1 predn h).
Qed.

(* where each column of W sums to 0, some u at which a row of F is 0 is as good as u *)
Lemma kink_enough m k n free f a w bi (u : 'cV_k) (v : 'cV_n) : bias_of m k free f = Some bi -> shape m k f ->
  sq (paid free u) = 1 -> (free -> forall j, \sum_i mx m n w i j = 0) ->
  exists u' moved, [/\ paid free u' = paid free u,
    mx m k f *m u' = mx m k (without bi) *m paid free u + const_mx moved,
    `|moved| <= dv (far bi) /\ sq (u' - paid free u) <= dv (reach bi), free -> exists i, (mx m k f *m u') i 0 = 0
    & dot (output m f a u n w) v <= dot (output m f a u' n w) v].
Proof.
move=> eb hf; have [_ hg [far0 reach0] eG hb] := bias_ofE eb hf; case: free eb eG hb => eb eG hb u1 w0; last first.
  exists u, 0; have e : paid false u = u by apply/matrixP => i j; rewrite mxE.
  rewrite eG !e subrr sq0 normr0; split=> //; by apply/matrixP => i j; rewrite !mxE addr0.
have [m0 hr [c [c0 cr] ec]] := hb isT; have [b eu] := paid_rest true u; set pu := paid true u in u1 eu *.
have ppu : paid true pu = pu by have := paid_add true u 0; rewrite scale0r addr0.
have fE x : mx m k f *m (pu + x *: last_ R true k) = mx m k (without bi) *m pu + const_mx (c * x).
  rewrite eG ppu mulmxDr -scalemxAr ec; congr (_ + _); by apply/matrixP => i j; rewrite !mxE mulrC.
pose F i j := mx m k (without bi) i j.
have valueE x : dot (output m f a (pu + x *: last_ R true k) n w) v
    = Network.value F (fun=> c) (dv a) (fun i => (mx m n w *m v) i 0) (fun j => pu j 0) x.
  rewrite /output dot_mull trmxK dot_col; apply: eq_bigr => i _; rewrite mulrC [map_mx _ _ _ _]mxE fE; congr (_ * act _ _).
  by rewrite [LHS]mxE [const_mx _ _ _]mxE mxE.
have sum0 : \sum_i (mx m n w *m v) i 0 = 0.
  under eq_bigr do rewrite mxE; rewrite exchange_big big1 // => l _.
  by rewrite -mulr_suml w0 // mul0r.
have [l hl] := @Network.free_bias_kink R _ _ F (fun=> c) (dv a) c (Ordinal m0) _ (fun j => pu j 0) b (fun=> erefl) sum0.
set s := (mx m k (without bi) *m pu) l 0; have es : c * (- s / c) = - s by rewrite mulrC divfK // gt_eqF.
have sr : s ^+ 2 <= dv (far bi) ^+ 2.
  have -> : s = dot (row l (mx m k (without bi)))^T pu.
    by rewrite /s mxE dot_col; apply: eq_bigr => j _; rewrite !mxE.
  by apply: le_trans (cauchy_schwarz _ _) _; rewrite u1 mulr1 sq_tr.
exists (pu + (- s / c) *: last_ R true k), (- s); split.
- exact: paid_add.
- by rewrite fE es.
- split; first by rewrite normrN -ler_sqr ?nnegrE // real_normK ?num_real.
  rewrite addrAC subrr add0r sqZ; apply: (@le_trans _ _ ((- s / c) ^+ 2)).
    by rewrite -[leRHS]mulr1 ler_wpM2l ?sqr_ge0 // sq_last.
  by rewrite exprMn exprVn ler_pdivrMr ?exprn_gt0 // sqrrN (le_trans sr cr).
- by move=> _; exists l; rewrite fE es [LHS]mxE [const_mx _ _ _]mxE subrr.
rewrite {1}eu !valueE; apply: le_trans hl _; rewrite le_eqVlt; apply/orP; left; apply/eqP.
apply: eq_bigr => i _; congr (_ * act _ _); rewrite /Network.pre es /s mxE -sumrB.
by apply: eq_bigr => j _; rewrite /F mulrBl.
Qed.

(* and so a bound where a row of F is 0 is one of all u whose priced part has length 1 *)
Lemma layer_outputE m k n free f a w bi (u : 'cV_k) sign t x : bias_of m k free f = Some bi -> shape m k f ->
  shape m n w -> sq (paid free u) = 1 -> (free -> forall j, \sum_i mx m n w i j = 0) ->
  sign = None \/ n = 1%N -> told m f a u n sign w ->
  layer_square mul m k n f a w bi (radii_of bi) [::] sign t = Some x -> sq (output m f a u n w) <= dv x.
Proof.
move=> eb hf hw u1 w0 one_ ht e; have [fb hg _ _ _] := bias_ofE eb hf; set y := output m f a u n w in ht *.
have [u' [moved [pu split_ [hm hr] at_ le_]]] :=
  kink_enough a (if sign is Some b then const_mx (if b then 1 else -1) else y) eb hf u1 w0.
have su : sq u' = 1 + sq (u' - paid free u).
  by rewrite -{1}[u'](subrK (paid free u)) -pu sqD dot_paid mulr0 addr0 addrC pu u1.
have [rm hrad] := radiiE hg u1 split_ hm; rewrite -fb in at_.
have {}pu : paid (free_ bi) u' = paid free u by rewrite fb.
have main := layer_squareE hf hg u1 pu su split_ hm hr rm hrad at_ hw (start := [::]) I _ e.
move: one_ ht le_ main; case: (sign) => [b [//|n1]|_ _] ht => [|main].
  subst n; have dotE (z : 'cV[R]_1) s : dot z (const_mx s) = s * z 0 0.
    by rewrite dot_col big_ord1 mxE mulrC.
  rewrite !dotE => le_ main; have y0 := ht b erefl 0.
  apply: le_trans (main _) => [|b' [<-] j]; last by rewrite ord1 (le_trans y0 le_).
  rewrite !sq_col !big_ord1; apply: le_trans (of_sign y0 le_) _.
  by case: (b); rewrite ?mul1r ?mulN1r ?mulrNN -expr2.
apply: le_trans (main _) => //; set y' := output m f a u' n w in ht *.
have [->|y0] := eqVneq (sq y) 0; first exact: sq_ge0.
have pos : 0 < sq y by rewrite lt_def y0 sq_ge0.
rewrite -(ler_pM2r pos); apply: le_trans (cauchy_schwarz y' y); rewrite -expr2 ler_sqr ?nnegrE ?sq_ge0 //.
exact: le_trans (sq_ge0 _) ht.
Qed.

Lemma column_atE m n w (j : 'I_n) : shape m n w ->
  shape m 1 (column_at m n w j) /\ mx m 1 (column_at m n w j) = col j (mx m n w).
Proof.
move=> hw; have [h1 e1] := transposeE hw; have [h2 e2] := row_atE j h1.
by have [h3 e3] := transposeE h2; split=> //; rewrite e3 e2 e1 -tr_col trmxK.
Qed.

Lemma output_squareE (T : Type) s (square : option bool -> T -> option dyadic) p x (y : R) :
  (forall sign t v, (forall b, sign = Some b -> 0 <= (if b then 1 else -1) * y) ->
    square sign t = Some v -> y ^+ 2 <= dv v) ->
  output_square s square p = Some x -> meet s y ^+ 2 <= dv x.
Proof.
move=> h; have le_ v : y ^+ 2 <= dv v -> meet s y ^+ 2 <= dv (dmax v dzero).
  move=> hv; apply: le_trans (meet_le _ _) _; apply: le_trans hv _.
  by rewrite dv_max le_max lexx.
have zero v : meet s y = 0 -> meet s y ^+ 2 <= dv (dmax v dzero).
  by move=> ->; rewrite expr0n dv_max dv_zero le_max lexx orbT.
have plus t v : 0 <= y -> square (Some true) t = Some v -> y ^+ 2 <= dv v.
  by move=> y0; apply: h => b [<-]; rewrite mul1r.
have minus t v : y <= 0 -> square (Some false) t = Some v -> y ^+ 2 <= dv v.
  by move=> y0; apply: h => b [<-]; rewrite mulN1r oppr_ge0.
have y_ : 0 <= y \/ y <= 0 by case: (leP 0 y) => [|/ltW]; [left|right].
rewrite /output_square; case: p => [t|[t|] [t'|]]; case: s le_ zero => le_ zero //=.
- by case e: (square _ _) => [v|] // [<-]; apply: le_; apply: h e.
- by case e: (square _ _) => [v|] // [<-]; apply: le_; apply: h e.
- by case e: (square _ _) => [v|] // [<-]; apply: le_; apply: h e.
- case e: (square _ _) => [v|] //; case e': (square _ _) => [v'|] // [<-]; apply: le_.
  rewrite dv_max le_max; case: y_ => hy; first by rewrite (plus _ _ hy e).
  by rewrite (minus _ _ hy e') orbT.
- case e: (square _ _) => [v|] // [<-]; case: y_ => hy; first by apply: le_; exact: plus e.
  by apply: zero; rewrite /= max_r.
- case e: (square _ _) => [v|] // [<-]; case: y_ => hy; last by apply: le_; exact: minus e.
  by apply: zero; rewrite /= max_r // oppr_le0.
Qed.

Lemma outputs_square_ge0 (T : Type) n p s (square : nat -> option bool -> T -> option dyadic) each t :
  outputs_square n p s square each = Some t -> 0 <= dv t.
Proof.
rewrite /outputs_square; case: ifP => // _; case: (all_of _) => [l|] //; case: (total_square _ _) => [x|] // [<-].
by rewrite dv_max dv_zero le_max lexx orbT.
Qed.

Lemma outputs_squareE (T : Type) n p s (square : nat -> option bool -> T -> option dyadic) each (y : 'cV[R]_n) t :
  (forall (j : 'I_n) sign x v, (forall b, sign = Some b -> 0 <= (if b then 1 else -1) * y j 0) ->
    square j sign x = Some v -> y j 0 ^+ 2 <= dv v) ->
  outputs_square n p s square each = Some t -> dual_square_le (normv p) s (fun j => y j 0) (dv t).
Proof.
move=> h; rewrite /outputs_square; case: ifP => // _; case e: (all_of _) => [l|] //; case es: (total_square _ _) => [x0|] // [<-].
have [hl hn] := all_ofE dzero e; rewrite size_mkseq in hl hn.
have up v : dv v <= dv (dmax v dzero) by rewrite dv_max le_max lexx.
have up0 v : 0 <= dv (dmax v dzero) by rewrite dv_max dv_zero le_max lexx orbT.
apply: dual_more (up _) _.
have each_ (j : 'I_n) : meet s (y j 0) ^+ 2 <= dv (nth dzero l j).
  by have := hn j (ltn_ord j); rewrite nth_mkseq //; apply: output_squareE => sign x v; exact: h.
case: p es => //= -[<-]; last 1 first.
- rewrite dvM -expr2 ler_sqr ?nnegrE; last 2 first.
  + by apply: sumr_ge0 => j _; exact: meet_ge0.
  + by elim: (l) => [|x l' IH] /=; rewrite ?dv_zero // dvD addr_ge0 //; have [] := sqrt_upE (up0 x).
  apply: (@le_trans _ _ (\sum_(j < n) dv (sqrt_up (dmax (nth dzero l j) dzero)))).
    apply: ler_sum => j _; have [r0 hr0] := sqrt_upE (up0 (nth dzero l j)).
    by rewrite -ler_sqr ?nnegrE ?meet_ge0 // (le_trans (each_ j)) // (le_trans (up _)).
  rewrite -hl; elim: (l) => [|x l' IH] /=; first by rewrite big_ord0 dv_zero.
  by rewrite dvD big_ord_recl lerD2l.
- move=> j; apply: le_trans (each_ j) _; have : (j < size l)%N by rewrite hl.
  elim: (l) (nat_of_ord j) => [|x l' IH] [|i] //= hi; rewrite dv_max le_max ?lexx //.
  by rewrite (IH i) // orbT.
apply: le_trans (_ : _ <= \sum_(j < n) dv (nth dzero l j)) _; first exact: ler_sum.
rewrite -hl; elim: (l) => [|x l' IH] /=; first by rewrite big_ord0 dv_zero.
by rewrite dvD big_ord_recl lerD2l.
Qed.

(* the largest of patches, of one output, at a u of length 1: patches z, zero or more *)
Lemma bucketsE (T : Type) m s (x : seq T) k : (k < m)%N ->
  nth [::] (buckets m s x) k = mask (map (fun i => i == k) s) x.
Proof.
move=> km; rewrite /buckets; elim: s x => [|i s IH] [|y x] //=; rewrite ?nth_nseq ?km //.
by rewrite nth_set_nth /=; case: (eqVneq k i) => [<-|_]; rewrite IH.
Qed.

Lemma size_buckets (T : Type) m s (x : seq T) : all (fun k => Nat.ltb k m) s -> size (buckets m s x) = m.
Proof.
rewrite /buckets; elim: s x => [|i s IH] [|y x] //=; rewrite ?size_nseq // => /andP[hi hs].
rewrite size_set_nth IH //; apply/maxn_idPr; apply/ssrnat.ltP; exact/PeanoNat.Nat.ltb_lt.
Qed.

Lemma big_bucket (T : Type) (op : R -> R -> R) (x0 : T) (g : T -> R) s x k : size x = size s ->
  \big[op/0]_(i < size s | nth 0%N s i == k) g (nth x0 x i)
  = foldr (fun y => op (g y)) 0 (mask (map (fun i => i == k) s) x).
Proof.
elim: s x => [|i s IH] [|y x] //=; first by rewrite big_ord0.
move=> [hx]; rewrite -(big_mkord (fun i' => nth 0%N (i :: s) i' == k) (fun i' => g (nth x0 (y :: x) i'))).
rewrite big_ltn_cond // big_add1 /= big_mkord IH //.
by case: ifP.
Qed.

Section Largest.
Variables (k : nat) (e ew : Z) (u : 'cV[R]_k).
Hypothesis u1 : sq u = 1.
Definition rise (x : seq Z) : R := Network.pos (\sum_(j < k) (at_ x j * p2 e) * u j 0).
Definition highest_ (x : seq patch) : R := foldr (fun t => Num.max (rise t.2)) 0 x.
Definition sized (x : seq Z) := size x == k.

Lemma rise_ge0 x : 0 <= rise x. Proof. by rewrite /rise le_max lexx orbT. Qed.
Lemma highest_le x c : 0 <= c -> (forall t, t \in x -> rise t.2 <= c) -> highest_ x <= c.
Proof.
move=> c0; elim: x => //= t x IH h; rewrite ge_max h ?mem_head // IH // => t' ht'.
by apply: h; rewrite inE ht' orbT.
Qed.
Lemma highest_ge x t : t \in x -> rise t.2 <= highest_ x.
Proof. by elim: x => //= t' x IH; rewrite inE le_max => /orP[/eqP ->|/IH ->]; rewrite ?lexx ?orbT. Qed.

Lemma less_baseE (b x : patch) : sized x.2 -> sized b.2 -> let t := less_base e b x in
  [/\ sized t.1, 0 <= dv t.2 & if x.1 == b.1 then t = (x.2, dzero) else rise x.2 <= rise b.2 + (rise t.1 + dv t.2)].
Proof.
move=> /eqP hx /eqP hb; rewrite /less_base -[Z.eqb _ _]/(x.1 == b.1); case: ifP => [_|_] /=.
  by rewrite /sized hx eqxx dv_zero.
set y := zip_with _ _ _; set g := map _ _; set l := zip_with _ _ _.
have hy : size y = k by rewrite size_zip_with hx hb minnn.
have hg : size g = k by rewrite size_map.
have := sqrt_upE (x := Dy (dotz Z0 l l) (Z.add e e)); move: (sqrt_up _) => lost.
have hl : size l = k by rewrite size_zip_with hy hg minnn.
pose d : 'cV[R]_k := \col_j (at_ l j * p2 e).
have -> : dv (Dy (dotz Z0 l l) (Z.add e e)) = sq d.
  rewrite /dv /= (dotzE (k := k)) ?hl // zr0 add0r p2D sq_col mulr_suml.
  by apply: eq_bigr => j _; rewrite mxE; ring.
move=> /(_ (sq_ge0 _)) [l0 hd]; split=> //; first by rewrite /sized hg.
have far : dot d u <= dv lost.
  apply: le_trans (ler_norm _) _; rewrite -ler_sqr ?nnegrE // real_normK ?num_real //.
  by apply: le_trans (cauchy_schwarz _ _) _; rewrite u1 mulr1.
have -> : rise x.2 = Network.pos (\sum_(j < k) (at_ b.2 j * p2 e) * u j 0 + \sum_(j < k) (at_ g j * p2 e) * u j 0 + dot d u).
  rewrite /rise dot_col -!big_split; congr Network.pos; apply: eq_bigr => j _.
  rewrite mxE /at_ /l (nth_zip_with _ _ Z0 Z0) ?hy ?hg // zrB /y (nth_zip_with _ _ Z0 Z0) ?hx ?hb // zrB.
  by rewrite -/y /=; ring.
rewrite /rise /Network.pos; move: (\sum_(j < k) _) (\sum_(j < k) _) (dot d u) far => a c x' far.
have h1 : a <= Num.max a 0 by rewrite le_max lexx.
have h2 : c <= Num.max c 0 by rewrite le_max lexx.
have h3 : 0 <= Num.max a 0 by rewrite le_max lexx orbT.
have h4 : 0 <= Num.max c 0 by rewrite le_max lexx orbT.
by rewrite ge_max; move: (Num.max a 0) (Num.max c 0) h1 h2 h3 h4 => A B *; apply/andP; split; lra.
Qed.

Lemma with_numberE b x y : with_number b x = Some y -> y \in x.
Proof.
elim: x => //= t x IH; case: ifP => [_ [<-]|_ /IH h]; first by rewrite mem_head.
by rewrite inE h orbT.
Qed.

Lemma dominating_rowE o b x g : all (fun t => sized t.2) x -> dominating_row e o b x = Some g ->
  all (fun t => sized t.1) g /\ zr o * highest_ x <= \sum_(t <- g) zr o * (rise t.1 + dv t.2).
Proof.
move=> /allP hx; rewrite /dominating_row; case: ifP => [/andP[o0 _] [<-]|_].
  rewrite all_map; split; first exact/allP.
  rewrite -mulr_sumr big_map; apply: ler_wpM2l; first by rewrite ltW // zr_pos.
  have ge0 t : 0 <= rise t.2 + dv dzero by rewrite dv_zero addr0 rise_ge0.
  apply: highest_le => [|t ht]; first by apply: sumr_ge0 => t _; exact: ge0.
  rewrite (big_rem t) //= {1}dv_zero addr0 lerDl; apply: sumr_ge0 => t' _; exact: ge0.
case ey: (with_number b x) => [y|] //; have hy := with_numberE ey; have sy := hx _ hy.
case: ifP => o0 [<-]; last first.
  rewrite /= sy big_seq1 dv_zero addr0; split=> //; apply: ler_wnM2l; last exact: highest_ge.
  by rewrite leNgt -zr0 zr_lt o0.
have good t : t \in x -> _ := fun ht => less_baseE (hx _ ht) sy.
split; first by rewrite all_map; apply/allP => t /good[].
rewrite -mulr_sumr big_map; apply: ler_wpM2l; first by rewrite ltW // zr_pos.
pose T t := rise (less_base e y t).1 + dv (less_base e y t).2.
have T0 t : t \in x -> 0 <= T t by move=> /good[_ h _]; rewrite addr_ge0 ?rise_ge0.
have part_ (P : pred patch) t : t \in x -> P t -> T t <= \sum_(t <- x | P t) T t.
  move=> ht pt; rewrite big_seq_cond (big_rem t) //= ht pt lerDl; apply: sumr_ge0 => t' /andP[h _].
  exact: T0 h.
have Ty : T y = rise y.2 by have [_ _] := good _ hy; rewrite eqxx /T => ->; rewrite dv_zero addr0.
have sum_ (P : pred patch) : 0 <= \sum_(t <- x | P t) T t.
  by rewrite big_seq_cond; apply: sumr_ge0 => t /andP[/T0].
rewrite (bigID (fun t : patch => t.1 == y.1)) /=; apply: highest_le => [|t ht]; first exact: addr_ge0.
have [_ _] := good _ ht; case: ifP => [yt et|yt].
  have -> : rise t.2 = T t by rewrite /T et dv_zero addr0.
  by apply: le_trans (part_ (fun t => t.1 == y.1) _ ht yt) _; rewrite lerDl.
move/le_trans; apply; rewrite -Ty; apply: lerD; first exact: (part_ (fun t => t.1 == y.1)).
by apply: (part_ (fun t => t.1 != y.1)) => //; rewrite yt.
Qed.

Lemma dominatingE o b x p : all (all (fun t => sized t.2)) x -> dominating e ew o b x = Some p ->
  [/\ all (fun t => sized t.2) p.1, size x = size o
    & \sum_(i < size o) zr (nth Z0 o i) * p2 ew * highest_ (nth [::] x i)
      <= \sum_(t <- p.1) zr t.1 * p2 ew * rise t.2 + dv p.2].
Proof.
elim: o b x p => [|c o IH] [|b bs] [|y x] p //=.
  by move=> _ [<-]; rewrite big_ord0 big_nil dv_zero addr0.
move=> /andP[hy hx]; case eg: (dominating_row _ _ _ _) => [g|] //; case er: (dominating _ _ _ _ _) => [[rest lost]|] //.
case=> <-; have [h1 h2 h3] := IH _ _ _ hx er; have [h4 h5] := dominating_rowE hy eg.
rewrite all_cat all_map h1 h4 h2; split=> //=; rewrite big_ord_recl big_cat big_map /=.
have -> : dv (foldr (fun t => dadd (dmul (Dy c ew) t.2)) lost g) = \sum_(t <- g) zr c * p2 ew * dv t.2 + dv lost.
  by elim: (g) => [|t g' IH'] /=; rewrite ?big_nil ?add0r // dvD dvM IH' big_cons addrA.
have {}h5 := ler_wpM2r (p2_ge0 ew) h5; rewrite mulrAC mulr_suml in h5.
apply: le_trans (lerD h5 h3) _; rewrite le_eqVlt; apply/orP; left; apply/eqP.
have -> : \sum_(t <- g) zr c * (rise t.1 + dv t.2) * p2 ew
    = \sum_(t <- g) zr c * p2 ew * rise t.1 + \sum_(t <- g) zr c * p2 ew * dv t.2.
  by rewrite -big_split; apply: eq_bigr => t _ /=; ring.
by rewrite /=; ring.
Qed.
End Largest.

Lemma plain_layerE m k n f a w (u : 'cV[R]_k) start sign t x (bi := Bias false f dzero dzero) : shape m k f ->
  sq u = 1 -> shape m n w -> all_hold (held m f bi u) start -> told m f a u n sign w ->
  layer_square mul m k n f a w bi (radii_of bi) start sign t = Some x -> sq (output m f a u n w) <= dv x.
Proof.
move=> hf u1 hw hs ht; have paid_ : paid false u = u by apply/matrixP => i j; rewrite mxE.
have zero (c : 'M[R]_(m, 1)) : c + const_mx 0 = c by apply/matrixP => i j; rewrite !mxE addr0.
have su : sq u = 1 + sq (u - u) by rewrite subrr sq0 addr0.
have priced_all : false -> exists i, (mx m k f *m u) i 0 = 0 by [].
have split_ : mx m k f *m u = mx m k (without bi) *m u + const_mx 0 by rewrite zero.
have far0 : `|0 : R| <= dv (far bi) by rewrite normr0 dv_zero.
have near0 : sq (u - u) <= dv (reach bi) by rewrite subrr sq0 dv_zero.
have hg : shape m k (without bi) by exact: hf.
have [rm hrad] := radiiE hg u1 split_ far0.
exact: (layer_squareE hf hg u1 paid_ su split_ far0 near0 rm hrad priced_all hw hs ht).
Qed.

Lemma act_zero (z : R) : act (dv dzero) z = Network.pos z.
Proof.
by have e : act (dv dzero) z = _ := Network.act_parts _ z; rewrite e dv_zero mul0r subr0.
Qed.

Lemma pooled_leafE L m k f w s plus rows path p t (u : 'cV[R]_k) : shape L k f -> shape m 1 w -> size s = L ->
  all (fun i => Nat.ltb i m) s -> sq u = 1 -> all_hold (on_side (row_split rows) u) path ->
  let T := \sum_(i < m) mx m 1 w i 0
    * \big[Num.max/0]_(l < L | nth 0%N s l == i) act (dv dzero) ((mx L k f *m u) l 0) in
  0 <= (if plus then 1 else -1) * T -> pooled_leaf mul m k s f w plus rows path p = Some t -> T ^+ 2 <= dv t.
Proof.
move=> hf hw sL hs u1 hp T T0; rewrite /pooled_leaf /pooled_at; set o := map _ (ints _); set bs := buckets _ _ _.
case e0: (dominating _ _ _ _ _) => [[x lost]|] //; case: ifP => // _.
have none : shape 0 k (Grid [::] Z0) by [].
have nowhere : on_cone 0 (Grid [::] Z0) u by case.
have [h [hS [onS _]]] := factsE (c := 0%N) (leqnn 0) none (on_facts0 nowhere) hp.
move: hS onS; set S := facts _ _ _ => hS onS; rewrite (proj1 hS).
have hwE : mx m 1 (signed_ plus w) = (if plus then 1 else -1) *: mx m 1 w /\ shape m 1 (signed_ plus w).
  rewrite /signed_; case: (plus); first by rewrite scale1r.
  by have [h1 ->] := gscaleE minus_one hw; rewrite minus_oneE.
have oE i : (i < m)%N -> zr (nth Z0 o i) * p2 (ex w) = (if plus then 1 else -1) * (zr (entry_ w i 0) * p2 (ex w)).
  move=> im; have hi : (i < size (ints (signed_ plus w)))%N by rewrite (proj1 (proj2 hwE)).
  rewrite /o (nth_map [::]) // -nth0 /signed_ /entry_; case: (plus); first by rewrite mul1r.
  rewrite (nth_map [::]) ?(proj1 hw) // (nth_map Z0) ?(proj2 hw) // zrM /=.
  by rewrite [zr (Zneg _)](_ : _ = -1) // mulrA.
have so : size o = m by rewrite size_map (proj1 (proj2 hwE)).
have idx : size (zip (map Z.of_nat (iota 0 (size s))) (ints f)) = size s.
  by rewrite size_zip size_map size_iota (proj1 hf) sL minnn.
have all_ : all (all (fun t : patch => sized k t.2)) bs.
  apply/(all_nthP [::]) => i; rewrite size_buckets // => im; rewrite bucketsE //.
  apply/allP => t0 /mem_mask /(nthP (Z0, [::]))[j hj <-]; rewrite idx in hj.
  by rewrite nth_zip ?size_map ?size_iota ?(proj1 hf) ?sL //= /sized (proj2 hf) -?sL.
have [sx sb le_] := dominatingE u1 all_ e0; rewrite /= in sx le_.
have hB : shape (size x) k (Grid (map snd x) (ex f)).
  split=> [|i hi] /=; first by rewrite size_map.
  by rewrite (nth_map (Z0, [::])) //; apply/eqP; move/allP: sx; apply; exact: mem_nth.
have hV : shape (size x) 1 (Grid (map (fun t : patch => [:: t.1]) x) (ex w)).
  split=> [|i hi] /=; first by rewrite size_map.
  by rewrite (nth_map (Z0, [::])).
have [hg eg] := aboveE hB hS; move: hg eg; set g := above _ S => hg eg.
have hV' : shape (size x) 1 (signed_ plus (Grid (map (fun t : patch => [:: t.1]) x) (ex w))) /\
    forall i : 'I_(size x), mx (size x) 1 (signed_ plus (Grid (map (fun t : patch => [:: t.1]) x) (ex w))) i 0
      = (if plus then 1 else -1) * (zr (nth (Z0, [::]) x i).1 * p2 (ex w)).
  have at_x (i : 'I_(size x)) : mx (size x) 1 (Grid (map (fun t : patch => [:: t.1]) x) (ex w)) i 0
      = zr (nth (Z0, [::]) x i).1 * p2 (ex w) by rewrite mxE /entry_ /= (nth_map (Z0, [::])).
  rewrite /signed_; case: (plus); first by split=> // i; rewrite mul1r.
  have [h1 ->] := gscaleE minus_one hV; split=> // i; by rewrite mxE minus_oneE at_x.
have [hb eb] := blankE h 1; have [hv ev] := aboveE (proj1 hV') hb; move: hv ev; set v := above _ _ => hv ev.
set start := map _ _.
have held_ : all_hold (held (size x + h) g (Bias false g dzero dzero) u) start.
  have go l j : (j + l <= size x + h)%N -> (size x <= j)%N ->
      all_hold (held (size x + h) g (Bias false g dzero dzero) u) (map (fun i => (Row i, true)) (iota j l)).
    elim: l j => [|l IH] j //= hj xj; split; last by apply: IH; rewrite ?addSnnS // leqW.
    have jm : (j < size x + h)%N by apply: leq_trans hj; rewrite -addSnnS leq_addr.
    split; first by apply/PeanoNat.Nat.ltb_lt/ssrnat.ltP.
    have [_ h2] := row_ofE u hg (Ordinal jm); rewrite /side_value /= dv_zero addr0.
    rewrite /= in h2; rewrite h2 eg mul_col_mx.
    case: (split_ordP (Ordinal jm)) => i ei; last by rewrite ei col_mxEd; exact: onS.
    by have := ltn_ord i; rewrite -[nat_of_ord i]/(val (lshift h i)) -ei /= ltnNge xj.
  by apply: go; rewrite ?leqnn.
case e1: (output_square _ _ _) => [y|] // [<-].
pose out := output (size x + h) g dzero u 1 v 0 0.
have met_ : meet (if plus then NonNegative else NonPositive) out ^+ 2 <= dv y.
  apply: output_squareE e1 => sign t0 v0 told_ ev0.
  have := plain_layerE hg u1 hv held_ _ ev0; rewrite sq_col big_ord1; apply.
  by move=> b hb' j; rewrite ord1; exact: told_.
have y0 : 0 <= dv (dmax y dzero) by rewrite dv_max dv_zero le_max lexx orbT.
have [r0 hr] := sqrt_upE y0; rewrite dvM; apply: (of_sign (b := plus)) => //; rewrite dvD.
have out_le : (if plus then 1 else -1) * out <= dv (sqrt_up (dmax y dzero)).
  apply: (@le_trans _ _ (meet (if plus then NonNegative else NonPositive) out)).
    by case: (plus); rewrite /= ?mul1r ?mulN1r le_max lexx.
  rewrite -ler_sqr ?nnegrE ?meet_ge0 //; apply: le_trans met_ (le_trans _ hr).
  by rewrite dv_max le_max lexx.
have sign1 : (if plus then 1 else -1) * (if plus then 1 else -1) = 1 :> R by case: (plus); rewrite ?mulr1 // mulrNN mulr1.
have outE : (if plus then 1 else -1) * out = \sum_(t <- x) zr t.1 * p2 (ex w) * rise (ex f) u t.2.
  rewrite /out /output ev eg mul_col_mx map_col_mx tr_col_mx mul_row_col eb trmx0 mul0mx addr0.
  rewrite (big_nth (Z0, [::])) big_mkord mxE mulr_sumr; apply: eq_bigr => i _.
  rewrite [_^T _ _]mxE (proj2 hV') !mulrA sign1 mul1r [map_mx _ _ _ _]mxE; congr (_ * _).
  rewrite act_zero /rise; congr Network.pos.
  rewrite mxE; apply: eq_bigr => j _; rewrite mxE /entry_ /at_ /= (nth_map (Z0, [::])) //.
have TE : (if plus then 1 else -1) * T = \sum_(i < size o) zr (nth Z0 o i) * p2 (ex w) * highest_ (ex f) u (nth [::] bs i).
  rewrite so /T mulr_sumr; apply: eq_bigr => i _; rewrite oE // mulrA [mx m 1 w i 0]mxE; congr (_ * _).
  rewrite bucketsE //; apply: etrans (big_bucket Num.max (Z0, [::]) (fun t : patch => rise (ex f) u t.2) i idx); rewrite sL.
  apply: eq_bigr => l _; rewrite nth_zip ?size_map ?size_iota ?(proj1 hf) ?sL //=.
  rewrite act_zero /rise; congr Network.pos.
  by rewrite mxE; apply: eq_bigr => j _; rewrite mxE.
rewrite TE; apply: le_trans le_ _; rewrite -outE lerD2r; exact: out_le.
Qed.

Lemma pooled_squareE L m k f w s sign p t (u : 'cV[R]_k) : shape L k f -> shape m 1 w -> size s = L ->
  all (fun i => Nat.ltb i m) s -> sq u = 1 ->
  let T := \sum_(i < m) mx m 1 w i 0
    * \big[Num.max/0]_(l < L | nth 0%N s l == i) act (dv dzero) ((mx L k f *m u) l 0) in
  (forall b, sign = Some b -> 0 <= (if b then 1 else -1) * T) ->
  pooled_square mul m k s f w sign p = Some t -> T ^+ 2 <= dv t.
Proof.
move=> hf hw sL hs u1 T; rewrite /pooled_square; case: sign => [plus|] // /(_ plus erefl) T0.
case: ifP => // /allP hr e.
apply: (worstE (P := all_hold (on_side (row_split (split_rows p)) u)) (le_ := fun x => T ^+ 2 <= x)) e => //.
- by move=> x y xy h; exact: le_trans h xy.
- apply: sidesE => -[i|//|//|//] /PeanoNat.Nat.ltb_lt/ssrnat.ltP hi; rewrite /on_side /=.
  have sh : shape 1 k (row_at (split_rows p) i).
    by split=> // -[|//] _; apply/eqnP; apply: hr; exact: mem_nth.
  by case: (leP 0 ((mx 1 k (row_at (split_rows p) i) *m u) 0 0)) => [h|/ltW h]; [left|right].
by move=> path q x hp; exact: pooled_leafE.
Qed.

Lemma min_left a b : Z.leb (Z.min a b) a. Proof. by lia. Qed.
Lemma min_right a b : Z.leb (Z.min a b) b. Proof. by lia. Qed.
Lemma none_left c : Z.leb Z0 c -> ~~ Z.ltb Z0 c -> c = Z0. Proof. by lia. Qed.
Lemma parts_of a c : Z.leb Z0 a -> Z.leb a c -> [/\ Z.leb Z0 c, Z.ltb Z0 c || Z.leb a Z0,
  Z.leb Z0 (Z.sub c a) & Z.ltb Z0 c || Z.leb (Z.sub c a) Z0].
Proof. by move=> h1 h2; split; lia. Qed.

(* the loss whose number a dyadic number is *)
Definition lossv (l : loss_form dyadic) : loss_form R :=
  match l with
  | Squared => Squared | Huber x => Huber (dv x) | Quantile x => Quantile (dv x)
  | Absolute => Absolute | Hinge => Hinge | SquaredHinge => SquaredHinge | Logistic => Logistic
  | KullbackLeibler => KullbackLeibler | Poisson => Poisson | Softmax => Softmax
  end.

Lemma costs_E l e r : ~~ transcendental l -> Z.leb e (finest l e) ->
  zr (costs_ l e r) * (p2 e * p2 e) / 2 = costs (lossv l) (zr r * p2 e).
Proof.
move=> nl he; have p0 := p2_gt0 e; have on x : Z.leb e (dex x) -> zr (lift (num x) (dex x) e) * p2 e = dv x.
  exact: liftE.
have e0 : Z.leb e Z0 by move: he; rewrite /finest; clear nl; case: l => *; lia.
have one_ : zr (lift (num one) (dex one) e) * p2 e = 1 by rewrite on // /dv /zr /p2 /= mulr1.
have size_ : `|zr r * p2 e| = zr (Z.abs r) * p2 e by rewrite normrM (gtr0_norm p0) zr_abs.
have two : zr 2 = 2 by [].
have max_ : Num.max 0 (zr r * p2 e) = zr (Z.max 0 r) * p2 e.
  by rewrite zr_max zr0 maxr_pMl ?mul0r // ltW.
case: l nl he => [|delta|tau|||| // | // | // | //] _ he /=.
- by rewrite zrM; ring.
- have {}on := on delta _; have hd : Z.leb e (dex delta) by move: he; rewrite /finest; lia.
  move: (on hd) => <-; rewrite size_ ler_pM2r // zr_le; case: ifP => _; first by rewrite zrM; ring.
  by rewrite !zrM zrB !zrM two; field.
- have hd : Z.leb e (dex tau) by move: he; rewrite /finest; lia.
  rewrite -(on _ hd) pmulr_lge0 // -zr0 zr_le; case: ifP => _; rewrite !zrM ?zrB two; first by field.
  by rewrite -[X in _ = (_ - X) * _]one_; field.
- by rewrite size_ !zrM two -[RHS]mul1r -[X in _ = X * _]one_; field.
- by rewrite max_ !zrM two -[RHS]mul1r -[X in _ = X * _]one_; field.
- by rewrite max_ !zrM two; field.
Qed.

Lemma bendE l x : dv (bend l x) = bent (lossv l) (dv x).
Proof. by case: l => *; rewrite /= ?dv_zero ?dv_half. Qed.

Lemma bent_le (l : loss_form R) x y : x <= y -> bent l x <= bent l y.
Proof. by move=> h; case: l => * //=; rewrite ler_pM2r ?invr_gt0. Qed.

(* the question that integers stand for *)
Definition meaning (d : data) : question R :=
  @Question R (dm d) (dn d) (dinputs d) (dr d)
    (dpatches d) (if dlayer d is Some l then mx _ _ l.1 else pid_mx (dm d)) (if ddeep d is Some x then dv x.2 else if dlayer d is Some l then dv l.2 else 1)
    (row_of_patch_ d) (largest_ d) (if ddeep d is Some (f, _, _) then en f else fun _ _ => 0) (if ddeep d is Some (_, l, _) then l else [::]) (dfree d) (mx _ _ (dY d)) (mx _ _ (dC d)) (lossv (dloss d)) (dv (dlam d)) (dform d)
    (normv (dleft_norm d)) (normv (dright_norm d)) (dv (dl1 d).1) (dv (dl1 d).2) (dleft d) (dright d) (dleft_modes d) (dright_modes d)
    (map normv (dmode_norms d)) (done_vector d) (dcolumns d) (drows d) (mx _ 1 (dP d))^T (mx _ 1 (dQ d))
    (left_width_ (dX d)) (right_width_ (dX d)) (mx _ _ (xA (dX d))) (mx _ _ (xB (dX d)))
    (fun k l => Z.ltb Z0 (entry_ (xM (dX d)) k l)) (mx _ _ (xP (dX d))) (mx _ _ (xR (dX d)))
    (down d) (mx _ _ (dU d)) (mx _ _ (dV d)) (mx _ 1 (oA (dO d)))^T (mx _ 1 (oB (dO d))) (mx _ _ (oX (dO d))) (dfound d) (dv (drtol d)) (dv (datol d)).

(* deep networks *)
Lemma activateE m n a x : shape m n x -> shape m n (activate a x) /\
  mx m n (activate a x) = map_mx (act (dv a)) (mx m n x).
Proof.
move=> [hm hn]; split.
  by split=> [|i im] /=; rewrite ?size_map // (nth_map [::]) ?hm // size_map hn.
apply/matrixP => i j; rewrite !mxE /entry_ /= (nth_map [::]) ?hm // (nth_map Z0) ?hn //.
set e := Z.add _ _; rewrite /act pmulr_lge0 ?p2_gt0 // -zr0 zr_le; case: ifP => _.
  by rewrite liftE // /e; lia.
rewrite liftE /e; last by lia.
by rewrite zrM p2D /dv; ring.
Qed.

Lemma chunksE k n x e : (k * n <= size x)%N -> shape k n (Grid (chunks k n x) e) /\
  forall i j, (i < k)%N -> (j < n)%N -> nth Z0 (nth [::] (chunks k n x) i) j = nth Z0 x (i * n + j).
Proof.
elim: k x => [|k IH] x hx; first by split=> //; split.
have hn : (n <= size x)%N by apply: leq_trans hx; rewrite mulSn leq_addr.
have [[h1 h2] h3] := IH (drop n x) ltac:(by rewrite size_drop leq_subRL // -mulSn).
split; first split=> [|[|i] hi] /=; rewrite /= ?size_takel //; [by congr S|exact: h2|].
move=> [|i] j hi hj /=; first by rewrite nth_take.
by rewrite h3 // nth_drop mulSn addnA.
Qed.

Lemma nth_flat n (s : seq (seq Z)) p : all (fun r => size r == n) s -> (p < size s * n)%N ->
  nth Z0 (flatten s) p = nth Z0 (nth [::] s (p %/ n)) (p %% n).
Proof.
elim: s p => [|r s IH] p //= /andP[/eqP hr hs]; rewrite nth_cat hr => hp.
have n0 : (0 < n)%N by case: (n) hp => //; rewrite muln0.
case: ltnP => pn; first by rewrite divn_small // modn_small.
have [p' ep] : exists p', p = (n + p')%N by exists (p - n)%N; rewrite subnKC.
move: hp; rewrite ep addKn mulSn ltn_add2l => hp; rewrite IH //.
by rewrite divnDl ?dvdnn // divnn n0 modnDl add1n.
Qed.

Lemma size_flat n (s : seq (seq Z)) : all (fun r => size r == n) s -> size (flatten s) = (size s * n)%N.
Proof. by elim: s => [|r s IH] //= /andP[/eqP hr /IH h]; rewrite size_cat hr h mulSn. Qed.

Lemma shape_all k n a : shape k n a -> all (fun r => size r == n) (ints a).
Proof. by move=> [h1 h2]; apply/(all_nthP [::]) => i; rewrite h1 => /h2 ->. Qed.

Lemma enE m n a (i : 'I_m) (j : 'I_n) : mx m n a i j = en a i j. Proof. by rewrite mxE. Qed.

(* a tensor of k modes of size d, row-major, at one vector x in all of them *)
Fixpoint value_of (d : nat) (x : nat -> R) (k : nat) (w : seq Z) : R :=
  if k is k'.+1 then \sum_(a < d) x a * value_of d x k' (nth [::] (chunks d (d ^ k') w) a) else at_ w 0.
Arguments value_of : simpl never.
Lemma value0 d x w : value_of d x 0 w = at_ w 0. Proof. by []. Qed.
Lemma valueS d x k w : value_of d x k.+1 w = \sum_(a < d) x a * value_of d x k (nth [::] (chunks d (d ^ k) w) a).
Proof. by []. Qed.

Lemma size_chunks d n x : size (chunks d n x) = d. Proof. by elim: d x => [|d IH] x //=; rewrite IH. Qed.
Lemma nth_chunks d n x a : (a < d)%N -> nth [::] (chunks d n x) a = take n (drop (a * n) x).
Proof.
elim: d x a => [|d IH] x [|a] //=; first by rewrite mul0n drop0.
by move=> ha; rewrite IH // drop_drop mulSn addnC.
Qed.
Lemma sized_chunks d n x a : size x = (d * n)%N -> (a < d)%N -> size (nth [::] (chunks d n x) a) = n.
Proof.
move=> hx ha; rewrite nth_chunks // size_takel // size_drop hx -mulnBl -{1}[n]mul1n leq_mul2r subn_gt0 ha orbT //.
Qed.
Lemma chunks_flat d n s : size s = d -> all (fun r => size r == n) s -> chunks d n (flatten s) = s.
Proof.
elim: d s => [|d IH] [|r s] //= [hs] /andP[/eqP hr sz]; rewrite take_size_cat // drop_size_cat // IH //.
Qed.
Lemma flat_chunks d n x : size x = (d * n)%N -> flatten (chunks d n x) = x.
Proof.
elim: d x => [|d IH] x hx /=; first by move/eqP: hx; rewrite mul0n size_eq0 => /eqP ->.
by rewrite IH ?cat_take_drop // size_drop hx mulSn addKn.
Qed.

Lemma value_flat d x k s : size s = d -> all (fun r => size r == (d ^ k)%N) s ->
  value_of d x k.+1 (flatten s) = \sum_(a < d) x a * value_of d x k (nth [::] s a).
Proof. by move=> h1 h2; rewrite valueS chunks_flat. Qed.

Lemma drop_zip_with (f : Z -> Z -> Z) n x y : drop n (zip_with f x y) = zip_with f (drop n x) (drop n y).
Proof. by elim: n x y => [|n IH] [|a x] [|b y] //=; case: (drop n x). Qed.
Lemma take_zip_with (f : Z -> Z -> Z) n x y : take n (zip_with f x y) = zip_with f (take n x) (take n y).
Proof. by elim: n x y => [|n IH] [|a x] [|b y] //=; rewrite IH. Qed.

Lemma value_add d x k v w : size v = (d ^ k)%N -> size w = (d ^ k)%N ->
  value_of d x k (zip_with Z.add v w) = value_of d x k v + value_of d x k w.
Proof.
elim: k v w => [|k IH] v w hv hw; first by rewrite !value0 /at_ (nth_zip_with _ _ Z0 Z0) ?hv ?hw // zrD.
rewrite expnS in hv hw; rewrite !valueS -big_split; apply: eq_bigr => a _.
have e : nth [::] (chunks d (d ^ k) (zip_with Z.add v w)) a
    = zip_with Z.add (nth [::] (chunks d (d ^ k) v) a) (nth [::] (chunks d (d ^ k) w) a).
  by rewrite !nth_chunks // drop_zip_with take_zip_with.
by rewrite e IH ?sized_chunks // mulrDr.
Qed.
Lemma value_scale d x k c w : value_of d x k (map (Z.mul c) w) = zr c * value_of d x k w.
Proof.
elim: k w => [|k IH] w.
  rewrite !value0 /at_; case: w => [|y w] /=; rewrite ?zrM // zr0 mulr0 //.
rewrite !valueS mulr_sumr; apply: eq_bigr => a _; rewrite !nth_chunks // -map_drop -map_take IH; ring.
Qed.
Lemma value_zero d x k : value_of d x k (nseq (d ^ k) Z0) = 0.
Proof.
elim: k => [|k IH]; first by rewrite value0 /at_ /= zr0.
rewrite valueS big1 // => a _; rewrite nth_chunks // drop_nseq take_nseq ?IH ?mulr0 //.
by rewrite expnS -mulnBl -{1}[(d ^ k)%N]mul1n leq_mul2r subn_gt0 ltn_ord orbT.
Qed.

(* a mode first *)
Lemma all_sized d n (s : seq (seq Z)) : size s = d -> (forall a, (a < d)%N -> size (nth [::] s a) = n) ->
  all (fun r => size r == n) s.
Proof. by move=> h1 h2; apply/(all_nthP [::]) => i; rewrite h1 => /h2 ->. Qed.

Lemma beside_all d (l : seq (seq (seq Z))) : all (fun s => size s == d) l ->
  let t := foldr (zip_with cat) (nseq d [::]) l in
  size t = d /\ forall i, (i < d)%N -> nth [::] t i = flatten (map (fun s => nth [::] s i) l).
Proof.
elim: l => [|s l IH] /=; first by split=> [|i hi]; rewrite ?size_nseq // nth_nseq hi.
move=> /andP[/eqP hs /IH [h1 h2]]; split; first by rewrite size_zip_with hs h1 minnn.
by move=> i hi; rewrite (nth_zip_with _ _ [::] [::]) ?hs ?h1 // h2.
Qed.

Lemma frontsE d k j w (x : nat -> R) : size w = (d ^ k.+1)%N -> (j <= k)%N -> [/\ size (fronts d k j w) = d,
  forall i, (i < d)%N -> size (nth [::] (fronts d k j w) i) = (d ^ k)%N
  & \sum_(i < d) x i * value_of d x k (nth [::] (fronts d k j w) i) = value_of d x k.+1 w].
Proof.
elim: k j w => [|k IH] [|j] w hw hj //.
- by split=> [|i hi|//]; [exact: size_chunks|rewrite sized_chunks // hw expnS].
- by split=> [|i hi|//]; [exact: size_chunks|rewrite sized_chunks // hw expnS].
rewrite [fronts _ _ _ _]/(foldr _ _ _); set c := chunks d (d ^ k.+1) w.
have sc : size c = d by exact: size_chunks.
have cs a : (a < d)%N -> size (nth [::] c a) = (d ^ k.+1)%N by move=> ha; rewrite sized_chunks // hw expnS.
have F a (ha : (a < d)%N) := IH j (nth [::] c a) (cs a ha) hj.
have [|h1 h2] := @beside_all d (map (fronts d k j) c).
  by rewrite all_map; apply/(all_nthP [::]) => a; rewrite sc => ha /=; case: (F a ha) => ->.
have {}h2 i : (i < d)%N -> nth [::] (foldr (zip_with cat) (nseq d [::]) (map (fronts d k j) c)) i
    = flatten (map (fun a => nth [::] (fronts d k j a) i) c) by move=> hi; rewrite h2 // -map_comp.
have sz i : (i < d)%N -> all (fun r => size r == (d ^ k)%N) (map (fun a => nth [::] (fronts d k j a) i) c).
  by move=> hi; rewrite all_map; apply/(all_nthP [::]) => a; rewrite sc => ha /=; case: (F a ha) => _ -> //.
have sm i : size (map (fun a => nth [::] (fronts d k j a) i) c) = d by rewrite size_map.
split=> [//|i hi|]; first by rewrite h2 // (size_flat (sz i hi)) sm expnS.
transitivity (\sum_(i < d) \sum_(a < d) x i * (x a * value_of d x k (nth [::] (fronts d k j (nth [::] c a)) i))).
  apply: eq_bigr => i _; rewrite h2 // value_flat ?sz // mulr_sumr; apply: eq_bigr => a _.
  by rewrite (nth_map [::]) ?sc.
rewrite exchange_big valueS; apply: eq_bigr => a _; case: (F a (ltn_ord a)) => _ _ <-.
by rewrite mulr_sumr; apply: eq_bigr => i _; ring.
Qed.

Lemma add_all d n k (l : seq (seq (seq Z))) (x : nat -> R) : n = (d ^ k)%N ->
  (forall s, s \in l -> size s = d /\ forall i, (i < d)%N -> size (nth [::] s i) = n) ->
  let t := foldr (zip_with (zip_with Z.add)) (nseq d (nseq n Z0)) l in
  [/\ size t = d, forall i, (i < d)%N -> size (nth [::] t i) = n
    & forall i, (i < d)%N -> value_of d x k (nth [::] t i) = \sum_(s <- l) value_of d x k (nth [::] s i)].
Proof.
move=> en; elim: l => [|s l IH] h /=.
  split=> [|i hi|i hi]; rewrite ?size_nseq // nth_nseq hi ?size_nseq // big_nil en; exact: value_zero.
have [hs hn] := h s (mem_head _ _); have [|h1 h2 h3] := IH; first by move=> s' hs'; apply: h; rewrite inE hs' orbT.
split=> [|i hi|i hi]; first by rewrite size_zip_with hs h1 minnn.
  by rewrite (nth_zip_with _ _ [::] [::]) ?hs ?h1 // size_zip_with hn // h2 // minnn.
by rewrite (nth_zip_with _ _ [::] [::]) ?hs ?h1 // value_add -?en ?hn ?h2 // h3 // big_cons.
Qed.

Lemma in_all_ordersE d k w (x : nat -> R) : size w = (d ^ k)%N -> size (in_all_orders d k w) = (d ^ k)%N /\
  value_of d x k (in_all_orders d k w) = k`!%:R * value_of d x k w.
Proof.
elim: k w => [|k IH] w hw; first by split=> //; rewrite fact0 mul1r.
rewrite [in_all_orders _ _ _]/(flatten _); set l := map _ (iota 0 _).
have F j : (j <= k)%N -> _ := frontsE x hw.
have [|h1 h2 h3] := @add_all d (d ^ k) k l x erefl.
  by move=> s /mapP[j]; rewrite mem_iota add0n ltnS => /andP[_ hj] ->; case: (F j hj).
set t := foldr _ _ l in h1 h2 h3 *.
have sz : all (fun r => size r == (d ^ k)%N) (map (in_all_orders d k) t).
  by rewrite all_map; apply/(all_nthP [::]) => i; rewrite h1 => hi /=; case: (IH _ (h2 i hi)) => ->.
have st : size (map (in_all_orders d k) t) = d by rewrite size_map.
split; first by rewrite (size_flat sz) st expnS.
rewrite value_flat //; transitivity (\sum_(i < d) k`!%:R * (\sum_(j < k.+1) x i * value_of d x k (nth [::] (fronts d k j w) i))).
  apply: eq_bigr => i _; rewrite (nth_map [::]) ?h1 //; case: (IH _ (h2 i (ltn_ord i))) => _ ->.
  rewrite h3 // big_map -[iota 0 k.+1]/(index_iota 0 k.+1) big_mkord mulrCA; congr (_ * _).
  by rewrite mulr_sumr.
rewrite -mulr_sumr exchange_big factS mulnC natrM -mulrA; congr (_ * _).
transitivity (\sum_(j < k.+1) value_of d x k.+1 w); last by rewrite big_const_ord iter_addr_0 mulr_natl.
by apply: eq_bigr => j _; case: (F j) => //; rewrite -ltnS.
Qed.

Lemma ordersE k : zr (orders k) = k`!%:R.
Proof.
rewrite fact_prod /index_iota subSS subn0 /orders natr_prod; elim: (iota 1 k) => [|i l IH] /=; first by rewrite big_nil.
by rewrite big_cons zrM IH zr_nat.
Qed.

(* by its entries, of modes with signs *)

Lemma size_of_cube d (l : modes) : all (eqn d) (map fst l) -> size_of l = (d ^ size l)%N.
Proof.
elim: l => [|m l IH] //= /andP[/eqnP e h]; rewrite multE.
by rewrite IH // -e expnS.
Qed.

Lemma size_of_cat (l l' : modes) : size_of (l ++ l') = (size_of l * size_of l')%N.
Proof. by elim: l => [|m l IH]; rewrite ?mul1n //= !multE IH mulnA. Qed.

Lemma product_at_cat l l' (x : nat -> nat -> R) i : (i < size_of l * size_of l')%N ->
  product_at (l ++ l') x i = product_at l x (i %/ size_of l')%N * product_at l' (fun k => x (size l + k)%N) (i %% size_of l')%N.
Proof.
elim: l x i => [|m l IH] x i; first by rewrite -[size_of [::]]/1%N mul1n => hi; rewrite mul1r modn_small.
rewrite -[size_of (_ :: _)]/(m.1 * size_of l)%N -mulnA => hi; have p : (0 < size_of l * size_of l')%N.
  by case: (posnP (size_of l * size_of l')) hi => // ->; rewrite muln0.
rewrite -[LHS]/(x 0%N (i %/ size_of (l ++ l'))%N * product_at (l ++ l') (fun j => x j.+1) (i %% size_of (l ++ l'))%N).
rewrite size_of_cat IH ?ltn_mod // mulrA; congr (_ * product_at l _ _ * product_at l' _ _).
- by rewrite mulnC divnMA.
- by rewrite modn_divl.
by rewrite modn_dvdm // dvdn_mull.
Qed.

Lemma value_ofE d (l : modes) w (x : nat -> R) : all (eqn d) (map fst l) -> size w = (d ^ size l)%N ->
  value_of d x (size l) w = \sum_(i < size_of l) at_ w i * product_at l (fun _ => x) i.
Proof.
elim: l w => [|m l IH] w; first by rewrite value0 big_ord1 mulr1.
move=> /= /andP[/eqnP e h] hw.
have es := size_of_cube h; rewrite expnS in hw; rewrite multE -e.
pose F a b := at_ w (a * size_of l + b) * (x a * product_at l (fun _ => x) b).
transitivity (\sum_(i < d * size_of l) F (i %/ size_of l)%N (i %% size_of l)%N); last first.
  by apply: eq_bigr => i _; rewrite /F -divn_eq.
have [_ hc] := @chunksE d (d ^ size l) w Z0 ltac:(by rewrite hw).
rewrite sum_of_places valueS; apply: eq_bigr => a _; rewrite (IH _ h) ?sized_chunks // mulr_sumr; apply: eq_bigr => b _.
by rewrite /F /at_ hc -?es //; ring.
Qed.

Lemma deep_gridE a l d e w h M : shape M d h -> size w = layers_size d l ->
  shape M (last d l) (deep_grid mul a d l e w h) /\ forall i j, (i < M)%N -> (j < last d l)%N ->
    en (deep_grid mul a d l e w h) i j = network (dv a) d l (fun k => at_ w k * p2 e) (en h i) j.
Proof.
elim: l d w h => [|c l IH] d w h hh //= hw.
have hw1 : size (take (d * c) w) = (d * c)%N by rewrite size_takel // hw leq_addr.
have [sX eX] := @chunksE d c w e ltac:(by rewrite hw leq_addr).
have [ht et] := transposeE sX; have [hz ez] := productE hh ht.
have {ez et} zE i j : (i < M)%N -> (j < c)%N -> en (mul h (transpose c (Grid (chunks d c w) e))) i j
    = \sum_(k < d) en h i k * (at_ w (k * c + j) * p2 e).
  move=> hi hj; rewrite -(enE _ (Ordinal hi) (Ordinal hj)) ez et trmxK mxE.
  by apply: eq_bigr => k _; rewrite !enE /en /entry_ /= eX.
case: l IH hw => [|c' l] IH hw; first by split=> // i j hi hj; rewrite zE.
have [ha ea] := activateE a hz; have [|h1 h2] := IH c (drop (d * c) w) _ ha.
  by rewrite size_drop hw addKn.
split=> // i j hi hj; rewrite h2 //; apply: (@network_ext R (dv a) (c' :: l)) => // [k hk|k].
  by rewrite -(enE _ (Ordinal hi) (Ordinal hk)) ea mxE enE zE.
by rewrite /at_ nth_drop.
Qed.

Lemma layer_norms_ext l d (f g : nat -> R) : f =1 g -> layer_norms d l f = layer_norms d l g.
Proof.
elim: l d f g => [|c l IH] d f g fg //=; congr (Num.sqrt _ :: _); last by apply: IH => k; exact: fg.
by apply: eq_bigr => k _; rewrite fg.
Qed.

Lemma size_layer_norms d l (w : nat -> R) : size (layer_norms d l w) = size l.
Proof. by elim: l d w => [|c l IH] d w //=; rewrite IH. Qed.

Lemma layer_squaresE l d e w : size w = layers_size d l -> size (layer_squares d l w) = size l /\
  forall k, (k < size l)%N ->
    nth 0 (layer_norms d l (fun k => at_ w k * p2 e)) k ^+ 2 = zr (nth Z0 (layer_squares d l w) k) * p2 e ^+ 2.
Proof.
elim: l d w => [|c l IH] d w hw //=; have [|h1 h2] := IH c (drop (d * c) w); first by rewrite size_drop hw addKn.
split=> [|[|k] hk]; first by rewrite h1.
  rewrite /= (dotzE (k := d * c)) ?size_takel ?hw ?leq_addr // zr0 add0r sqr_sqrtr; last by apply: sumr_ge0 => k _; exact: sqr_ge0.
  by rewrite mulr_suml; apply: eq_bigr => k _; rewrite /at_ nth_take //; ring.
rewrite /= -h2 //; congr (nth _ _ _ ^+ 2); apply: layer_norms_ext => j; by rewrite /at_ nth_drop.
Qed.

Lemma spectral_bilinear m n c w l sh (u : 'cV_m) (v : 'cV_n) : shape m n w ->
  dot u (mx m n w *m v) ^+ 2 <= dv (spectral_square mul m n c w l sh) * (sq u * sq v).
Proof.
move=> hw; rewrite /spectral_square dv_max dv_zero; set t := dv _.
have up x : x <= t * (sq u * sq v) -> x <= Num.max t 0 * (sq u * sq v).
  by move/le_trans; apply; rewrite ler_wpM2r ?mulr_ge0 ?sq_ge0 // le_max lexx.
apply: up; case: c @t => t.
  have [ht et] := transposeE hw; have h := gram_top l sh v ht.
  by apply: polar_columns; move: h; rewrite et; exact.
by apply: polar_rows; exact: gram_top.
Qed.

Lemma spectral_ge0 m n c w l sh : 0 <= dv (spectral_square mul m n c w l sh).
Proof. by rewrite dv_max dv_zero le_max lexx orbT. Qed.

Lemma spectral_squareE m n c w l sh (y : 'I_m -> R) : shape m n w ->
  \sum_(j < n) (\sum_(i < m) en w i j * y i) ^+ 2 <= dv (spectral_square mul m n c w l sh) * \sum_i y i ^+ 2.
Proof.
move=> hw; pose u : 'cV[R]_m := \col_i y i; have su : sq u = \sum_i y i ^+ 2.
  by rewrite sq_col; apply: eq_bigr => i _; rewrite mxE.
have -> : \sum_(j < n) (\sum_(i < m) en w i j * y i) ^+ 2 = sq ((mx m n w)^T *m u).
  rewrite sq_col; apply: eq_bigr => j _; rewrite mxE; congr (_ ^+ 2); apply: eq_bigr => i _.
  by rewrite [_^T j i]mxE enE [u i 0]mxE.
by rewrite -su; apply: bilinear_square => [v|]; [exact: spectral_bilinear|exact: spectral_ge0].
Qed.

Lemma spectral_squareT m n c w l sh (y : nat -> R) : shape m n w ->
  \sum_(i < m) (\sum_(j < n) en w i j * y j) ^+ 2 <= dv (spectral_square mul m n c w l sh) * \sum_(j < n) y j ^+ 2.
Proof.
move=> hw; pose v : 'cV[R]_n := \col_i y i; have sv : sq v = \sum_(j < n) y j ^+ 2.
  by rewrite sq_col; apply: eq_bigr => i _; rewrite mxE.
have -> : \sum_(i < m) (\sum_(j < n) en w i j * y j) ^+ 2 = sq ((mx m n w)^T^T *m v).
  rewrite trmxK sq_col; apply: eq_bigr => j _; rewrite mxE; congr (_ ^+ 2); apply: eq_bigr => i _.
  by rewrite enE [v i 0]mxE.
rewrite -sv; apply: bilinear_square => [u|]; last exact: spectral_ge0.
by rewrite -dot_mull dotC [sq v * _]mulrC; exact: spectral_bilinear.
Qed.

(* what v of a sign can meet of a row *)
Lemma metE s z e : zr (met s z) * p2 e = meet s (zr z * p2 e).
Proof.
have p0 := p2_ge0 e; case: s => /=; first by rewrite zr_abs normrM (ger0_norm p0).
  by rewrite zr_max zr0 maxr_pMl ?mul0r.
rewrite zr_max zr0 maxr_pMl ?mul0r // (_ : zr (Z.opp z) = - zr z) ?mulNr //.
by have := zrB Z0 z; rewrite zr0 sub0r => <-; congr zr; lia.
Qed.

Lemma over_weightE y w : 0 < dv w -> zr y / dv w <= zr (over_weight y w).
Proof.
move=> w0; have n0 : 0 < zr (num w) by move: w0; rewrite /dv pmulr_lgt0 ?p2_gt0.
set a := Z.max Z0 (Z.opp (dex w)); set b := Z.max Z0 (dex w).
have -> : zr y / dv w = zr (Z.shiftl y a) / zr (Z.shiftl (num w) b).
  have eb : p2 b = p2 (dex w) * p2 a by rewrite -p2D; congr p2; rewrite /a /b; lia.
  rewrite !zr_shift /dv; try by rewrite /a /b; lia.
  by rewrite eb; field; rewrite !gt_eqF ?p2_gt0.
apply: ceil_divE; rewrite -zr_pos zr_shift ?mulr_gt0 ?p2_gt0 // /b; lia.
Qed.

Opaque root_up.
(* the square of a dual norm *)
Lemma dual_squareE level s e p k x : norm_ok p k -> (size x <= k)%N -> Z.leb Z0 (dual_square level p s x) /\
  dual_square_le (normv p) s (fun j : 'I_k => at_ x j * p2 e) (zr (dual_square level p s x) * (p2 e * p2 e)).
Proof.
have meetE z : zr (met s z) * p2 e = meet s (zr z * p2 e) := metE s z e.
have sqE z : meet s (zr z * p2 e) ^+ 2 = zr (Z.mul (met s z) (met s z)) * (p2 e * p2 e).
  by rewrite -metE zrM; ring.
have meet0 : meet s 0 = 0 :> R by case: s {sqE meetE}; rewrite /= ?normr0 ?oppr0 ?maxxx.
have pp : 0 < p2 e * p2 e by rewrite mulr_gt0 ?p2_gt0.
have sqs j : at_ (map (fun z => square_ (met s z)) x) j * (p2 e * p2 e) = meet s (at_ x j * p2 e) ^+ 2.
  have [jx|jx] := ltnP j (size x); first by rewrite /at_ (nth_map Z0) // sqE.
  by rewrite /at_ !nth_default ?size_map // zr0 !mul0r meet0 expr0n.
move=> hp hx; have sumE (acc : Z) : zr (foldl (fun acc z => Z.add acc (Z.mul (met s z) (met s z))) acc x) * (p2 e * p2 e)
    = zr acc * (p2 e * p2 e) + \sum_(j < k) meet s (at_ x j * p2 e) ^+ 2.
  elim: x k hx acc {hp sqs} => [|z x IH] k hx acc /=.
    by rewrite big1 ?addr0 // => j _; rewrite at_nil mul0r meet0 expr0n.
  case: k hx => // k hx; rewrite (IH k) // zrD mulrDl -addrA; congr (_ + _).
  by rewrite big_ord_recl -sqE.
have sum_ : zr (foldl (fun acc z => Z.add acc (Z.mul (met s z) (met s z))) Z0 x) * (p2 e * p2 e)
    = \sum_(j < k) meet s (at_ x j * p2 e) ^+ 2 by rewrite sumE zr0 mul0r add0r.
have sum0 : Z.leb Z0 (foldl (fun acc z => Z.add acc (Z.mul (met s z) (met s z))) Z0 x).
  by rewrite -zr_ge0 -(pmulr_lge0 _ pp) sum_ sumr_ge0 // => j _; exact: sqr_ge0.
have groups_ g c : size g = k -> (c < k)%N ->
    zr (nth Z0 (in_groups Z.add Z0 g (map (fun z => square_ (met s z)) x)) c) * (p2 e * p2 e)
    = \sum_(j < k | nth 0%N g j == c) meet s (at_ x j * p2 e) ^+ 2.
  move=> sg ck; rewrite (in_groupsE sg) ?size_map // mulr_suml; apply: eq_bigr => j _; exact: sqs.
have groups0 g c : size g = k -> (c < k)%N ->
    0 <= zr (nth Z0 (in_groups Z.add Z0 g (map (fun z => square_ (met s z)) x)) c).
  by move=> sg ck; rewrite -(pmulr_lge0 _ pp) groups_ // sumr_ge0 // => j _; exact: sqr_ge0.
rewrite /dual_square; case: p hp => [|||w|a|g|g] /= hp.
- have up (acc : Z) : zr acc <= zr (foldl (fun acc z => Z.max acc (Z.mul (met s z) (met s z))) acc x)
      /\ forall j, (j < size x)%N -> meet s (at_ x j * p2 e) ^+ 2
        <= zr (foldl (fun acc z => Z.max acc (Z.mul (met s z) (met s z))) acc x) * (p2 e * p2 e).
    elim: x acc {hx sqs sumE sum_ sum0 groups_ groups0} => [|z x IH] acc //=; have [h1 h2] := IH (Z.max acc (Z.mul (met s z) (met s z))).
    split; first by apply: le_trans h1; rewrite zr_le; lia.
    case=> [|j] hj; last exact: h2.
    rewrite sqE ler_wpM2r ?(ltW pp) //; apply: le_trans h1; rewrite zr_le.
    by move: (Z.mul _ _) => y; lia.
  have [acc0 h] := up Z0; split=> [|j]; first by rewrite -zr_ge0 -zr0.
  have [jx|jx] := ltnP j (size x); first exact: h.
  by rewrite /at_ nth_default // zr0 mul0r meet0 expr0n mulr_ge0 ?(ltW pp) //; exact: acc0.
- by rewrite sum_.
- have metsE (acc : Z) : zr (foldl (fun acc z => Z.add acc (met s z)) acc x) * p2 e
      = zr acc * p2 e + \sum_(j < k) meet s (at_ x j * p2 e).
    elim: x k hx acc {hp sqs sumE sum_ sum0 groups_ groups0} => [|z x IH] k hx acc /=.
      by rewrite big1 ?addr0 // => j _; rewrite at_nil mul0r meet0.
    case: k hx => // k hx; rewrite (IH k) // zrD mulrDl -addrA; congr (_ + _).
    by rewrite big_ord_recl -metE.
  by split; [rewrite -zr_ge0 zrM -expr2 sqr_ge0|rewrite zrM mulrACA metsE zr0 mul0r add0r expr2].
- case/andP: hp => /eqnP; elim: w x k hx {sqs sumE sum_ sum0 groups_ groups0} => [|v w IH] x k hx /= sw; subst k.
    move=> _; rewrite big_ord0; have -> : x = [::] by apply: size0nil; apply/eqP; rewrite -leqn0.
    by split=> //=; rewrite zr0 mul0r.
  case/andP=> v0 hw; have v1 : 0 < dv v by rewrite /dv mulr_gt0 ?p2_gt0 // zr_pos.
  case: x hx => [|z x] hx.
    split=> //=; rewrite zr0 mul0r big1 // => j _; by rewrite at_nil mul0r meet0 expr0n mul0r.
  rewrite big_ord_recl /=.
  have [h1 h2] := IH x (size w) hx erefl hw; have h := over_weightE (square_ (met s z)) v1.
  have h0 : 0 <= zr (over_weight (square_ (met s z)) v).
    by apply: le_trans h; rewrite divr_ge0 ?(ltW v1) // squareE sqr_ge0.
  split; first by rewrite -zr_ge0 zrD; apply: addr_ge0; [exact: h0|rewrite zr_ge0].
  rewrite zrD mulrDl; apply: lerD; last exact: h2.
  by rewrite -[at_ _ _]/(zr z) sqE mulrAC ler_wpM2r ?(ltW pp).
- set E := Z.min Z0 (dex a); set c := lift _ _ E; set b := lift 1 _ _; set t := (if level is Some _ then _ else _).
  case: ifP => [/andP[t0]|_]; last by split=> //; left; rewrite sum_.
  rewrite -zr_le !squareE !zrM zrB => test; split; first by rewrite -zr_ge0 squareE sqr_ge0.
  have ea : zr c * p2 E = dv a by rewrite liftE // /E; lia.
  have eb : zr b * p2 E = 1 by rewrite (liftE 1 (e := Z0)) ?mulr1 // /E; lia.
  clearbody t; clearbody c b; clearbody E.
  right; exists (zr t * p2 e); have y0 : 0 <= zr t * p2 e by rewrite mulr_ge0 ?p2_ge0 ?zr_ge0.
  split=> //; first by rewrite exprMn [p2 e ^+ 2]expr2.
  have -> : ((1 - dv a) * (zr t * p2 e)) ^+ 2 = ((zr b - zr c) * zr t) ^+ 2 * (p2 E * p2 e) ^+ 2.
    by rewrite -ea -eb; ring.
  apply: le_trans (ler_wpM2r (sqr_ge0 _) test); rewrite le_eqVlt; apply/orP; left; apply/eqP.
  have ay0 : 0 <= dv a * (zr t * p2 e) by rewrite mulr_ge0 // -dv_ge0; case/andP: hp.
  elim: (x) (k) hx => [|z l IH] k' hx /=.
    rewrite zr0 mul0r big1 // => j _; rewrite at_nil mul0r meet0 sub0r.
    by rewrite (_ : Num.max 0 _ = 0) ?expr0n //; apply/max_idPl; rewrite oppr_le0.
  case: k' hx => // k' hx; rewrite big_ord_recl zrD mulrDl (IH k') //; congr (_ + _).
  rewrite squareE -exprMn; congr (_ ^+ 2); rewrite zr_max zr0 maxr_pMl ?mulr_ge0 ?p2_ge0 // mul0r; congr Num.max.
  by rewrite zrB !zrM -[at_ _ _]/(zr z) -meetE -ea -[zr (met s z) * p2 e in LHS]mul1r -eb; ring.
- case/andP: hp => /eqnP sg _; set L := in_groups _ _ _ _; have sL : size L = k by rewrite size_groups.
  split=> [|c]; first by rewrite -zr_ge0 (foldr_max sL) bigmax_ge_id.
  rewrite -(groups_ _ _ sg (ltn_ord c)) ler_wpM2r ?(ltW pp) // (foldr_max sL).
  exact: (le_bigmax _ (fun c : 'I_k => zr (nth Z0 L c))).
case/andP: hp => /eqnP sg _; set L := in_groups _ _ _ _; have sL : size L = k by rewrite size_groups.
have L0 c : (c < k)%N -> 0 <= zr (nth Z0 L c) := groups0 g c sg.
have LE c : (c < k)%N -> zr (nth Z0 L c) * (p2 e * p2 e) = \sum_(j < k | nth 0%N g j == c) meet s (at_ x j * p2 e) ^+ 2 := groups_ g c sg.
have := root_upP; move: root_up; clearbody L => f root_ok.
split; first by rewrite -zr_ge0 squareE sqr_ge0.
exists (fun c => zr (f (nth Z0 L c)) * p2 e); split=> [|c].
  rewrite squareE le_eqVlt; apply/orP; left; apply/eqP; rewrite -expr2 -exprMn; congr (_ ^+ 2).
  rewrite -mulr_suml -sL; congr (_ * _); elim: (L) => [|z l IH] /=; first by rewrite big_ord0.
  by rewrite big_ord_recl zrD IH.
have c0 : Z.leb Z0 (nth Z0 L c) by rewrite -zr_ge0 L0.
have [r0 hr] := root_ok _ c0; rewrite mulr_ge0 ?p2_ge0 ?zr_ge0 //; split=> //.
by rewrite -(LE _ (ltn_ord c)) exprMn [p2 e ^+ 2]expr2 ler_wpM2r ?(ltW pp).
Qed.

(* what it costs to weigh entries *)
Lemma inverse_upE x : 0 < dv x -> (dv x)^-1 <= dv (inverse_up x).
Proof.
move=> x0; have n0 : 0 < zr (num x) by move: x0; rewrite /dv pmulr_lgt0 ?p2_gt0.
rewrite /inverse_up; set b := Z.add _ _; have b0 : Z.leb Z0 b by rewrite /b /guard; have := Z.log2_nonneg (num x); lia.
have h : zr (Z.shiftl 1 b) / zr (num x) <= zr (ceil_div (Z.shiftl 1 b) (num x)) by apply: ceil_divE; rewrite -zr_pos.
rewrite /dv /=; apply: le_trans (ler_wpM2r (p2_ge0 _) h); rewrite zr_shift // p2N p2D.
have -> : zr 1 = 1 by []. rewrite le_eqVlt; apply/orP; left; apply/eqP; field.
by rewrite !gt_eqF ?p2_gt0.
Qed.

Lemma positiveE k x : positive k x -> shape k 1 x /\ forall i, 0 < mx k 1 x i 0.
Proof.
case/andP=> /shapedP hx pos; split=> // i; rewrite mxE mulr_gt0 ?p2_gt0 // zr_pos /entry_; have [h1 h2] := hx.
have hi : (i < size (ints x))%N by rewrite h1.
by have /(all_nthP Z0) := allP pos _ (mem_nth [::] hi); apply; rewrite h2.
Qed.

Lemma spread_costE p k d : norm_ok p k -> size d = k -> (forall i, (i < k)%N -> 0 <= dv (nth dzero d i)) ->
  0 <= dv (spread_cost p d) /\ spread_le (normv p) (fun i : 'I_k => dv (nth dzero d i)) (dv (spread_cost p d)).
Proof.
move=> hp sd d0; rewrite /spread_cost.
have maxes := most_dyE.
have sums_ (l : seq dyadic) : dv (foldr dadd dzero l) = \sum_(i < size l) dv (nth dzero l i).
  by elim: l => [|y l IH] /=; rewrite ?big_ord0 ?dv_zero // dvD IH big_ord_recl.
have plain : 0 <= dv (foldr dmax dzero d) /\ forall i : 'I_k, dv (nth dzero d i) <= dv (foldr dmax dzero d).
  by have [m0 hm] := maxes d; split=> // i; apply: hm; rewrite sd.
case: p hp => [|||w|a|g|g] /= hp; try exact: plain.
- by rewrite sums_ sd; split; [apply: sumr_ge0 => i _; exact: d0|].
- case/andP: hp => /eqnP sw /(all_nthP dzero) w0; set l := zip_with _ _ _; have [m0 hm] := maxes l; split=> // i.
  have wi : 0 < dv (nth dzero w i) by rewrite /dv mulr_gt0 ?p2_gt0 // zr_pos w0 ?sw.
  have si : (i < size l)%N by rewrite size_zip_with sd sw minnn.
  rewrite (nth_map dzero) ?sw // -ler_pdivrMr //; apply: le_trans (hm i si).
  rewrite (nth_zip_with _ _ dzero dzero) ?sd ?sw // dvM ler_wpM2l ?d0 //; exact: inverse_upE.
case/andP: hp => /eqnP sg /(all_nthP 0%N) gk.
set L := in_groups _ _ _ _; have sL : size L = k by rewrite size_groups.
have [L0 LE] : (forall c, 0 <= dv (nth dzero L c)) /\
    forall i : 'I_k, dv (nth dzero d i) <= dv (nth dzero L (nth 0%N g i)).
  have gk' i : (i < size g)%N -> (nth 0%N g i < size (nseq (size g) dzero))%N.
    by move=> hi; rewrite size_nseq sg; apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt; exact: gk.
  have n0 c : 0 <= dv (nth dzero (nseq (size g) dzero) c) by rewrite nth_nseq if_same dv_zero.
  rewrite /L /in_groups; move: (nseq _ _) gk' n0 => l gk' n0.
  suff [g1 [g2 g3]] : (forall c, 0 <= dv (nth dzero (foldl (fun l e => add_to dmax e.1 e.2 l) l (zip g d)) c)) /\
      (forall c, dv (nth dzero l c) <= dv (nth dzero (foldl (fun l e => add_to dmax e.1 e.2 l) l (zip g d)) c)) /\
      forall i, (i < k)%N -> dv (nth dzero d i)
        <= dv (nth dzero (foldl (fun l e => add_to dmax e.1 e.2 l) l (zip g d)) (nth 0%N g i)).
    by split=> // i; exact: g3.
  move: sg sd gk' n0; clear; elim: g k d l => [|c0 g IH] k [|y e] l //= <- // [se] gk n0.
  have at_y c : dv (nth dzero l c) <= dv (nth dzero (add_to dmax c0 y l) c).
    have [hc|hc] := ltnP c (size l); last first.
      have e1 : nth dzero l c = dzero by rewrite nth_default.
      have e2 : nth dzero (add_to dmax c0 y l) c = dzero by rewrite nth_default // size_add_to.
      by rewrite e1 e2 lexx.
    by rewrite nth_add_to //; case: ifP => _; rewrite ?lexx // dv_max le_max lexx orbT.
  have y_at : dv y <= dv (nth dzero (add_to dmax c0 y l) c0).
    by rewrite nth_add_to ?eqxx ?dv_max ?le_max ?lexx //; exact: (gk 0%N).
  have [h1 [h2 h3]] := IH (size g) e (add_to dmax c0 y l) erefl se
    (fun i hi => leq_trans (gk i.+1 hi) (eq_leq (esym (size_add_to dmax c0 y l)))) (fun c => le_trans (n0 c) (at_y c)).
  split=> //; split=> [c|[|i] hi]; first exact: le_trans (at_y c) (h2 c).
    exact: le_trans y_at (h2 c0).
  exact: h3.
rewrite sums_ sL; split; first by apply: sumr_ge0.
by exists (fun c => dv (nth dzero L c)); split.
Qed.

Lemma ball_costE p k x : norm_ok p k -> positive k x -> 0 <= dv (ball_cost p x) /\
  spread_le (normv p) (fun i : 'I_k => (mx k 1 x i 0 ^+ 2)^-1) (dv (ball_cost p x)).
Proof.
move=> hp /positiveE[hx pos]; have [h1 h2] := hx; rewrite /ball_cost; set d := map _ _.
have sd : size d = k by rewrite size_map.
have each (i : 'I_k) : (mx k 1 x i 0 ^+ 2)^-1 <= dv (nth dzero d i).
  have e : dv (dmul (Dy (head Z0 (nth [::] (ints x) i)) (ex x)) (Dy (head Z0 (nth [::] (ints x) i)) (ex x))) = mx k 1 x i 0 ^+ 2.
    by rewrite dvM -expr2; congr (_ ^+ 2); rewrite mxE /entry_ /dv /=; case: (nth [::] (ints x) i).
  by rewrite (nth_map [::]) ?h1 // -e inverse_upE // e exprn_gt0.
have [|c0 h] := spread_costE hp sd.
  by move=> i ik; apply: le_trans (each (Ordinal ik)); rewrite invr_ge0 sqr_ge0.
split=> //; move: h; case: (normv p) => [|||w|a|g|g] /= h; try (by move=> i; exact: le_trans (each i) (h i)).
  by apply: le_trans h; apply: ler_sum.
by case: h => y [y0 y1 y2]; exists y; split=> // i; exact: le_trans (each i) (y1 i).
Qed.

Lemma unit_positive k : positive k (unit_column k).
Proof. by rewrite /positive /shaped /= size_nseq eqnE eqxx !all_nseq /= !orbT. Qed.

Lemma one_cost p k : norm_ok p k -> 0 <= dv (ball_cost p (unit_column k)) /\
  spread_le (normv p) (fun i : 'I_k => 1) (dv (ball_cost p (unit_column k))).
Proof.
move=> h1; have [h0 h2] := ball_costE h1 (unit_positive k); split=> //; move: h2.
have e (i : 'I_k) : (mx k 1 (unit_column k) i 0 ^+ 2)^-1 = 1.
  by have [_ ->] := unit_columnE k; rewrite mxE expr1n invr1.
case: (normv p) => [|||v|a|g|g] /= h2; try (by move=> i; rewrite -(e i)).
  by move: h2; under eq_bigr do rewrite e.
by case: h2 => y [y0 y1 y2]; exists y; split=> // i; rewrite -(e i).
Qed.

(* rows of a few numbers, and what they are worth at z *)
Definition worth k (z : 'cV[R]_k) (r : seq (nat * Z)) : R := \sum_(e <- r) zr e.2 * number z e.1.

Lemma number_ord k (z : 'cV[R]_k) (i : 'I_k) : number z i = z i 0.
Proof. by rewrite /number valK. Qed.

Lemma number_col k (Y : nat -> R) i : (i < k)%N -> number (\col_(a < k) Y a) i = Y i.
Proof. by move=> h; rewrite (number_ord _ (Ordinal h)) mxE. Qed.

Lemma worth1 k (z : 'cV[R]_k) e : worth z [:: e] = zr e.2 * number z e.1.
Proof. by rewrite /worth big_seq1. Qed.

Lemma sparse_sum k r (z : 'cV[R]_k) :
  \sum_(j < k) zr (foldr (fun x t => if eqn j x.1 then Z.add x.2 t else t) Z0 r) * z j 0 = worth z r.
Proof.
elim: r => [|x r IH]; first by rewrite /worth big_nil big1 // => j _; rewrite zr0 mul0r.
rewrite /worth big_cons -/(worth z r) -IH (eq_bigr (fun j : 'I_k => (if eqn j x.1 then zr x.2 * z j 0 else 0)
    + zr (foldr (fun x t => if eqn j x.1 then Z.add x.2 t else t) Z0 r) * z j 0)) => [|j _]; last first.
  by rewrite /=; case: ifP => _; rewrite ?add0r // zrD mulrDl.
rewrite big_split -big_mkcond; congr (_ + _); rewrite /number; case: insubP => [i _ ei|/negP no].
  rewrite (big_pred1 i) // => j /=; apply/eqnP/eqP => [e|->//]; apply: val_inj; by rewrite ei.
by rewrite mulr0 big_pred0 // => j; apply/negP => /eqnP e; apply: no; rewrite -e.
Qed.

Lemma sparse_rowsE k rows e h : size rows = h -> shape h k (sparse_rows k rows e) /\
  forall (z : 'cV_k) (i : 'I_h), (mx h k (sparse_rows k rows e) *m z) i 0 = worth z (nth [::] rows i) * p2 e.
Proof.
move=> <-; split.
  by split=> [|i hi] /=; [rewrite size_map|rewrite (nth_map [::]) // size_mkseq].
move=> z i; rewrite mxE -sparse_sum mulr_suml; apply: eq_bigr => j _; rewrite mxE /entry_ /=.
by rewrite (nth_map [::]) // nth_mkseq // mulrAC.
Qed.

Lemma qf_nat k g (Y : nat -> R) :
  qf (mx k k g) (\col_(i < k) Y i) = \sum_(i < k) \sum_(j < k) en g i j * (Y i * Y j).
Proof. by rewrite qf_sum; apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite enE !mxE. Qed.

Lemma nth_indexed (T : Type) d (x : seq T) i : (i < size x)%N -> nth (0%N, d) (indexed x) i = (i, nth d x i).
Proof. by move=> h; rewrite nth_zip ?size_iota // nth_iota. Qed.

Opaque sqrt_up root_up root_down inverse_up.
Lemma spread_bound p k d (x : 'cV[R]_k) : norm_ok p k -> size d = k -> norm (normv p) x <= 1 ->
  \sum_(i < k) dv (nth dzero d i) * x i 0 ^+ 2 <= dv (spread_cost p (map (dmax dzero) d)).
Proof.
move=> hp sd x1; have e i : (i < k)%N -> dv (nth dzero (map (dmax dzero) d) i) = Num.max 0 (dv (nth dzero d i)).
  by move=> h; rewrite (nth_map dzero) ?sd // dv_max dv_zero.
have [||c0 h] := spread_costE (d := map (dmax dzero) d) hp; rewrite ?size_map //.
  by move=> i ik; rewrite e // le_max lexx.
have d0 (i : 'I_k) : 0 <= dv (nth dzero (map (dmax dzero) d) i) by rewrite e // le_max lexx.
apply: le_trans (_ : _ <= \sum_(i < k) dv (nth dzero (map (dmax dzero) d) i) * x i 0 ^+ 2) _.
  by apply: ler_sum => i _; rewrite ler_wpM2r ?sqr_ge0 // e // le_max lexx orbT.
apply: le_trans (costs_le x (norm_okE hp) c0 d0 h) _; rewrite -[leRHS]mulr1 ler_wpM2l // expr_le1 //.
exact: norm_ge0 (norm_okE hp).
Qed.

(* the largest of what is outside the diagonal *)
Lemma rows_max (f : Z -> Z) (x : seq (seq Z)) : let t := foldr (fun r t => foldr (fun z t => Z.max (f z) t) t r) Z0 x in
  0 <= zr t /\ forall i j, (i < size x)%N -> (j < size (nth [::] x i))%N -> zr (f (nth Z0 (nth [::] x i) j)) <= zr t.
Proof.
have row_ r t : zr t <= zr (foldr (fun z t => Z.max (f z) t) t r) /\
    forall j, (j < size r)%N -> zr (f (nth Z0 r j)) <= zr (foldr (fun z t => Z.max (f z) t) t r).
  elim: r => [|y r [IH0 IH]] //=; rewrite zr_max; split; first by rewrite le_max IH0 orbT.
  by case=> [|j] hj; rewrite le_max ?lexx //= IH ?orbT.
elim: x => [|r x [IH0 IH]] //=; have [h1 h2] := row_ r (foldr (fun r t => foldr (fun z t => Z.max (f z) t) t r) Z0 x).
split; first exact: le_trans h1.
by case=> [|i] j hi hj /=; [exact: h2|exact: le_trans (IH i j hi hj) h1].
Qed.

Lemma acrossE f k x : size x = k -> (forall i, (i < k)%N -> size (nth [::] x i) = k) ->
  0 <= zr (across f x) /\ forall i j, (i < k)%N -> (j < k)%N -> i != j -> zr (f (nth Z0 (nth [::] x i) j)) <= zr (across f x).
Proof.
move=> sx sr; have -> : across f x = foldr (fun r t => foldr (fun z t => Z.max (f z) t) t r) Z0
    (map (fun e => set_nth Z0 e.2 e.1 Z0) (indexed x)) by rewrite /across foldr_map.
have si : size (indexed x) = k by rewrite size_zip size_iota minnn.
have [h0 h] := rows_max f (map (fun e => set_nth Z0 e.2 e.1 Z0) (indexed x)); split=> // i j hi hj ij.
have := h i j; rewrite size_map si (nth_map (0%N, [::])) ?si // nth_indexed ?sx //= => /(_ hi).
by rewrite nth_set_nth /= eq_sym (negPf ij); apply; rewrite size_set_nth sr // leq_max hj orbT.
Qed.

Lemma block_squaresE k g x a b : size g = k -> size x = k -> (forall i, (i < k)%N -> size (nth [::] x i) = k) ->
  (a < k)%N -> (b < k)%N -> zr (nth Z0 (nth [::] (block_squares k g x) b) a)
  = \sum_(i < k | nth 0%N g i == a) \sum_(j < k | nth 0%N g j == b) zr (nth Z0 (nth [::] x i) j) ^+ 2.
Proof.
move=> sg sx sr ak bk; rewrite /block_squares; set sums := map _ x.
have hs : shape k k (Grid sums Z0).
  by split=> [|i hi] /=; rewrite ?size_map // (nth_map [::]) ?sx // size_groups.
have [ht et] := transposeE hs; rewrite (nth_map [::]) ?(proj1 ht) // (in_groupsE sg) ?(proj2 ht) //.
apply: eq_bigr => i _; have := congr1 (fun M : 'M[R]_(k, k) => M (Ordinal bk) i) et.
rewrite !mxE /entry_ /= mulr1 mulr1 /at_ => ->; rewrite (nth_map [::]) ?sx // (in_groupsE sg) ?size_map ?sr //.
by apply: eq_bigr => j _; rewrite /at_ (nth_map Z0) ?sr // squareE.
Qed.

Lemma diagonals (b : ball) d s (x : 'cV[R]_(width_ b)) (k := width_ b) : meets (sign_in b) x -> size d = k -> shape k k s ->
  let D : 'rV[R]_k := \row_i dv (nth dzero d i) in
  [/\ 0 <= dv (off_diagonal (sign_in b) s), dv (off_diagonal (sign_in b) s) <= dv (on_diagonal (sign_in b) d s),
     forall i, D 0 i + mx k k s i i <= dv (on_diagonal (sign_in b) d s)
   & forall i j, i != j -> mx k k s i j * (x i 0 * x j 0) <= dv (off_diagonal (sign_in b) s) * (`|x i 0| * `|x j 0|)].
Proof.
move=> mx_ sd hs D; have [sk sr] := hs; have si : size (indexed (ints s)) = k by rewrite size_zip size_iota minnn.
have [a0 ha] := acrossE (if sign_in b is Free then Z.abs else Z.max Z0) sk sr.
split; first by rewrite /off_diagonal dvE mulr_ge0 ?p2_ge0.
- by rewrite /on_diagonal dv_max le_max lexx orbT.
- move=> i; rewrite /on_diagonal dv_max le_max; apply/orP; left.
  have [_ hm] := most_dyE (map (fun e => dadd e.1 (Dy (nth Z0 e.2.2 e.2.1) (ex s))) (zip d (indexed (ints s)))).
  have := hm i; rewrite size_map size_zip sd si minnn => /(_ (ltn_ord i)).
  have iz : (i < size (zip d (indexed (ints s))))%N by rewrite size_zip sd si minnn ltn_ord.
  rewrite (nth_map (dzero, (0%N, [::]))) // nth_zip ?sd ?si //= nth_indexed ?sk ?ltn_ord //= dvD dvE.
  by rewrite !mxE.
move=> i j ij; have := ha i j (ltn_ord i) (ltn_ord j) ij; rewrite mxE /off_diagonal dvE /entry_.
move: (nth Z0 _ _) (across _ _) => e a; move=> h.
have bound : `|zr e| <= zr a -> zr e * p2 (ex s) * (x i 0 * x j 0) <= zr a * p2 (ex s) * (`|x i 0| * `|x j 0|).
  by move=> hy; apply: le_trans (ler_norm _) _; rewrite !normrM (ger0_norm (p2_ge0 _)) ler_wpM2r ?mulr_ge0 // ler_wpM2r ?p2_ge0.
have signed_ : 0 <= x i 0 * x j 0 -> zr e <= zr a -> zr e * p2 (ex s) * (x i 0 * x j 0) <= zr a * p2 (ex s) * (`|x i 0| * `|x j 0|).
  by move=> x0 hy; rewrite -normrM ger0_norm // ler_wpM2r // ler_wpM2r ?p2_ge0.
case: (sign_in b) mx_ h => /= [_|mx_|mx_] h; first by apply: bound; rewrite -zr_abs.
  by apply: signed_; [exact: mulr_ge0|apply: le_trans h; rewrite zr_max le_max lexx orbT].
by apply: signed_; [exact: mulr_le0|apply: le_trans h; rewrite zr_max le_max lexx orbT].
Qed.

Lemma farthest_elasticE alpha k : 0 <= dv alpha -> dv (farthest_elastic alpha k) <= dv alpha * Num.sqrt k%:R + 1 - dv alpha.
Proof.
move=> al; rewrite /farthest_elastic dvD dvM dvB oneE addrA lerD2r lerD2r ler_wpM2l // dvE.
have ok : root_ok false root_down by move=> y y0; exact: root_downP.
have n0 : Z.leb 0 (Z.of_nat k) by lia.
by have [_] := longE ok n0; rewrite /ends; move: (root_down _) => y; rewrite zr_nat.
Qed.

Lemma blocks_costE k g d s (x : 'cV[R]_k) : norm_ok (Groups g) k -> norm (normv (Groups g)) x <= 1 -> size d = k ->
  shape k k s -> qf (diag_mx (\row_i dv (nth dzero d i)) + mx k k s) x <= dv (blocks_cost k g d s).
Proof.
move=> hp x1 sd [sk sr]; have hg := norm_okE hp; case/andP: hp => /eqnP sg _.
rewrite /blocks_cost; set x_ := block_squares _ _ _.
have sx : size x_ = k.
  rewrite size_map; have : shape k k (Grid (map (fun r => in_groups Z.add Z0 g (map square_ r)) (ints s)) Z0).
    by split=> [|i hi] /=; rewrite ?size_map // (nth_map [::]) ?sk // size_groups.
  by case/transposeE => -[].
have sxr i : (i < k)%N -> size (nth [::] x_ i) = k.
  by move=> hi; rewrite (nth_map [::]) ?size_groups // -[size _](size_map (in_groups Z.add Z0 g)) -/x_ sx.
have sumsE a e (ak : (a < k)%N) (ek : (e < k)%N) := block_squaresE sg sk sr ak ek.
rewrite -/x_ in sumsE; move: x_ sx sxr sumsE => x_ sx sxr sumsE.
have [c0 hc] := acrossE id sx sxr; move: (across id x_) c0 hc => ac c0 hc.
have rtE z' : 0 <= zr z' -> 0 <= dv (block_size s z') /\ zr z' * (p2 (ex s) * p2 (ex s)) <= dv (block_size s z') ^+ 2.
  move=> z0; have [] := sqrt_upE (x := Dy z' (Z.add (ex s) (ex s))); first by rewrite dvE mulr_ge0 ?p2_ge0.
  by rewrite dvE p2D.
set inside := map _ (indexed x_).
have nd a : (a < k)%N -> nth dzero inside a = block_size s (nth Z0 (nth [::] x_ a) a).
  move=> ak; have ia : (a < size (indexed x_))%N by rewrite size_zip size_iota sx minnn.
  rewrite /inside (nth_map (0%N, [::]) _ _ ia) nth_indexed; [reflexivity|by rewrite sx].
move: inside nd; move: (block_size s) rtE => f rtE inside nd.
have [d0 hd'] := most_dyE (map (fun e => dadd e.1 (nth dzero inside e.2)) (zip d g)).
have sums a e : (a < k)%N -> (e < k)%N -> zr (nth Z0 (nth [::] x_ e) a) * (p2 (ex s) * p2 (ex s))
    = \sum_(i < k | nth 0%N g i == a) \sum_(j < k | nth 0%N g j == e) mx k k s i j ^+ 2.
  move=> ak ek; rewrite sumsE // mulr_suml; apply: eq_bigr => i _.
  by rewrite mulr_suml; apply: eq_bigr => j _; rewrite mxE exprMn [p2 _ ^+ 2]expr2.
have pos a e : (a < k)%N -> (e < k)%N -> 0 <= zr (nth Z0 (nth [::] x_ e) a).
  move=> ak ek; rewrite sumsE //; apply: sumr_ge0 => i _; apply: sumr_ge0 => j _; exact: sqr_ge0.
have hi i : (i < k)%N -> dv (nth dzero d i) + dv (nth dzero inside (nth 0%N g i))
    <= dv (foldr dmax dzero (map (fun e => dadd e.1 (nth dzero inside e.2)) (zip d g))).
  move=> ik; have := hd' i; rewrite size_map size_zip sd sg minnn => /(_ ik).
  by rewrite (nth_map (dzero, 0%N)) ?size_zip ?sd ?sg ?minnn // nth_zip ?sd ?sg //= dvD.
move: (foldr _ _ _) d0 hi {hd'} => d' d0 hi.
pose F (a e : 'I_k) := if a == e then dv (nth dzero inside a) else dv (f ac).
rewrite dv_max; apply: (Entries.cost_entries_groups (g := fun i => Ordinal (hg i)) (F := F)) => //.
- exact: (proj1 (rtE _ c0)).
- move=> a e; rewrite /F; case: eqP => _; last exact: (proj1 (rtE _ c0)).
  by rewrite nd //; case: (rtE _ (pos a a (ltn_ord a) (ltn_ord a))).
- move=> a e; apply: le_trans (_ : zr (nth Z0 (nth [::] x_ e) a) * (p2 (ex s) * p2 (ex s)) <= _).
    by rewrite sums // le_eqVlt; apply/orP; left; apply/eqP; apply: eq_big => i //.
  rewrite /F; case: eqP => [->|ae]; first by rewrite nd //; case: (rtE _ (pos e e (ltn_ord e) (ltn_ord e))).
  apply: le_trans (proj2 (rtE _ c0)); rewrite ler_wpM2r ?mulr_ge0 ?p2_ge0 //; apply: hc => //.
  by apply/eqP => h; apply: ae; apply: val_inj.
- by move=> i; rewrite /F eqxx mxE; exact: hi.
- by move=> a e ae; rewrite /F (negPf ae).
Qed.

Lemma entries_costE b d s c (x : 'cV[R]_(width_ b)) (k := width_ b) : norm_ok (norm_in b) k -> meets (sign_in b) x ->
  norm (normv (norm_in b)) x <= 1 -> size d = k -> shape k k s -> entries_cost b d s = Some c ->
  \sum_(i < k) dv (nth dzero d i) * x i 0 ^+ 2 + qf (mx k k s) x <= dv c.
Proof.
move=> hp mx_ x1 sd hs; pose D : 'rV[R]_k := \row_i dv (nth dzero d i).
have -> : \sum_(i < k) dv (nth dzero d i) * x i 0 ^+ 2 + qf (mx k k s) x = qf (diag_mx D + mx k k s) x.
  by rewrite qfD qf_diag; congr (_ + _); apply: eq_bigr => i _; rewrite mxE.
have [off0 off_on hd hS] := diagonals mx_ sd hs; rewrite -/k in hd hS; rewrite /entries_cost -/k.
move: (off_diagonal _ _) (on_diagonal _ _ _) off0 off_on hd hS => off on off0 off_on hd hS.
have on0 := le_trans off0 off_on.
have l2E : Base.l2 x = Num.sqrt (\sum_i x i 0 ^+ 2) by rewrite /Base.l2 sq_col.
case: (norm_in b) hp x1 => [|||?|alpha|g|?] hp x1; lazy beta iota zeta; try discriminate.
- by case=> <-; apply: le_trans (Entries.cost_entries_l1 on0 off0 hd hS x1) _; rewrite ge_max lexx.
- have al : 0 <= dv alpha <= 1 by move: hp; rewrite /= dv_ge0 dv_le oneE.
  have [al0 _] := andP al; have farE := farthest_elasticE k al0.
  move: (farthest_elastic _ _) farE => far farE; case: ifP => // /andP[far0 k0] [<-].
  have {}k0 : (0 < k)%N by apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt.
  have {}far0 : 0 < dv far by rewrite /dv mulr_gt0 ?p2_gt0 // zr_pos.
  have f2 : 0 < dv (dmul far far) by rewrite dvM mulr_gt0.
  have := inverse_upE f2; move: (inverse_up _) => inv hi.
  apply: (Entries.cost_entries_elastic k0 al off0 off_on hd hS).
  + by rewrite dv_max le_max lexx.
  + set X := dv on + dv off * (k%:R - 1).
    have X0 : 0 <= X by rewrite addr_ge0 // mulr_ge0 // subr_ge0 ler1n.
    rewrite dv_max dvM dvD dvM dv_nat -subn1 natrB // -/X; set C := Num.max _ _.
    have XC : X * dv inv <= C by rewrite /C le_max lexx orbT.
    have i0 : 0 <= dv inv by apply: le_trans hi; rewrite invr_ge0 ltW.
    apply: (@le_trans _ _ (C * dv (dmul far far))).
      apply: le_trans (ler_wpM2r (ltW f2) XC); rewrite -mulrA ler_peMr //.
      by have := ler_wpM2r (ltW f2) hi; rewrite mulVf ?gt_eqF.
    have C0 : 0 <= C by apply: le_trans XC; rewrite mulr_ge0.
    by rewrite ler_wpM2l // dvM -expr2 ler_sqr ?nnegrE ?(ltW far0) // (le_trans (ltW far0) farE).
  by rewrite /Norms.elastic l2E; exact: x1.
case=> <-; exact: blocks_costE.
Qed.

(* a part of two balls *)
Section Balls.
Variables (l r : ball) (u : 'cV[R]_(width_ l)) (v : 'cV[R]_(width_ r)).
Let k := (width_ l + width_ r)%N.
Let z := col_mx u v.
Definition single (groups : seq nat) k' (x : 'cV[R]_k') c : Prop := forall i : 'I_k', nth 0%N groups i != c -> x i 0 = 0.
Definition ball_ok (b : ball) (x : 'cV[R]_(width_ b)) : Prop :=
  [/\ norm_ok (norm_in b) (width_ b), meets (sign_in b) x, norm (normv (norm_in b)) x <= 1,
      at_corner b -> forall i, x i 0 = 1 \/ x i 0 = -1
    & forall g, norm_in b = Groups g -> x = 0 \/ exists2 c, c \in g & single g x c].
Hypotheses (ul : ball_ok u) (vr : ball_ok v).

Definition excluded (b : ball) (x : 'cV[R]_(width_ b)) (cs : seq nat) : Prop :=
  forall g, norm_in b = Groups g -> forall c, c \in cs -> ~ single g x c.
Definition in_piece (x : piece) : Prop :=
  [/\ all_hold (on_side line_of z) (sides_at x),
      size (copies x) = k /\ forall i, (i < k)%N -> number z i = zr (nth (0%N, Z0) (copies x) i).2 * number z (nth (0%N, Z0) (copies x) i).1,
      excluded u (not_in x).1 & excluded v (not_in x).2].

Lemma z_left i : (i < width_ l)%N -> number z i = number u i.
Proof.
move=> h; rewrite (number_ord u (Ordinal h)); have := number_ord z (lshift _ (Ordinal h)); rewrite /= => ->.
by rewrite col_mxEu.
Qed.
Lemma z_right i : (i < width_ r)%N -> number z (width_ l + i) = number v i.
Proof.
move=> h; rewrite (number_ord v (Ordinal h)); have := number_ord z (rshift _ (Ordinal h)); rewrite /= => ->.
by rewrite col_mxEd.
Qed.

Lemma at_side i : (i < k)%N -> at_corner (if Nat.ltb i (width_ l) then l else r) -> number z i = 1 \/ number z i = -1.
Proof.
move=> hi; case: PeanoNat.Nat.ltb_spec0 => [/ssrnat.ltP h|/ssrnat.ltP h] c.
  by rewrite z_left // (number_ord u (Ordinal h)); case: ul => _ _ _ /(_ c) e _; exact: e.
have e : i = (width_ l + (i - width_ l))%N by rewrite subnKC // leqNgt.
have h' : (i - width_ l < width_ r)%N by rewrite -(ltn_add2l (width_ l)) -e.
by rewrite e z_right // (number_ord v (Ordinal h')); case: vr => _ _ _ /(_ c) e' _; exact: e'.
Qed.
Lemma identifiedE x i j y y' : in_piece x -> identified l r x i j = Some (y, y') -> in_piece y \/ in_piece y'.
Proof.
move=> hx; have [h1 [sk hk] h3 h4] := hx; rewrite /identified.
case ei: (nth _ _ i) => [a s]; case ej: (nth _ _ j) => [b t].
case: ifP => // /andP[/and3P[/andP[ci ai] /andP[cj aj] _] /and3P[ab ss tt]] [<- <-].
have hi : (i < k)%N by apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt.
have hj : (j < k)%N by apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt.
have zi := hk i hi; have zj := hk j hj; rewrite ei /= in zi; rewrite ej /= in zj.
have s1 : zr s * zr s = 1 by rewrite -zrM; move/Z.eqb_eq: ss => ->.
have t1 : zr t * zr t = 1 by rewrite -zrM; move/Z.eqb_eq: tt => ->.
have go w : zr w * zr w = 1 -> number z i = zr w * number z j ->
    number z (Nat.max a b) = zr (Z.mul w (Z.mul s t)) * number z (Nat.min a b).
  move=> w1 e; have za : number z a = zr s * number z i by rewrite zi mulrA s1 mul1r.
  have zb : number z b = zr t * number z j by rewrite zj mulrA t1 mul1r.
  rewrite !zrM; have [h|h] := leqP a b.
    have -> : Nat.max a b = b by apply: PeanoNat.Nat.max_r; exact/ssrnat.leP.
    have -> : Nat.min a b = a by apply: PeanoNat.Nat.min_l; exact/ssrnat.leP.
    rewrite za zb e; rewrite (_ : _ * _ * _ = (zr s * zr s) * (zr w * zr w) * (zr t * number z j)); last by ring.
    by rewrite s1 w1 !mul1r.
  have -> : Nat.max a b = a by apply: PeanoNat.Nat.max_l; apply/ssrnat.leP/ltnW.
  have -> : Nat.min a b = b by apply: PeanoNat.Nat.min_r; apply/ssrnat.leP/ltnW.
  rewrite za zb e (_ : _ * _ * (zr t * _) = zr s * (zr w * number z j) * (zr t * zr t)); last by ring.
  by rewrite t1 mulr1.
have make w : zr w * zr w = 1 -> number z i = zr w * number z j ->
    in_piece (Piece (sides_at x) (merged (Nat.max a b) (Nat.min a b) (Z.mul w (Z.mul s t)) (copies x)) (not_in x)).
  move=> w1 e; split=> //=; split=> [|c hc]; first by rewrite size_map.
  rewrite (nth_map (0%N, Z0)) ?sk //; case: ifP => [/eqnP ec|_]; last exact: hk.
  by rewrite [LHS]hk // ec (go w w1 e) /= !zrM !mulrA.
have [same|opposite] : number z i = 1 * number z j \/ number z i = -1 * number z j.
  by have [|] := at_side hi ai => ->; have [|] := at_side hj aj => ->; [left|right|right|left]; ring.
- by left; apply: make; rewrite ?mulr1.
by right; apply: make; rewrite // mulrNN mulr1.
Qed.

Lemma away_ok b (x : 'cV[R]_(width_ b)) first c g cs : norm_in b = Groups g -> size g = width_ b -> single g x c ->
  (forall i, (i < width_ b)%N -> number z (first + i) = number x i) -> size cs = k ->
  (forall i, (i < k)%N -> number z i = zr (nth (0%N, Z0) cs i).2 * number z (nth (0%N, Z0) cs i).1) ->
  size (away first c g cs) = k /\ forall i, (i < k)%N ->
    number z i = zr (nth (0%N, Z0) (away first c g cs) i).2 * number z (nth (0%N, Z0) (away first c g cs) i).1.
Proof.
move=> eb sg one zx sk hk; have s1 : size (indexed cs) = k by rewrite size_zip size_iota minnn.
split=> [|i hi]; first by rewrite size_map s1.
rewrite (nth_map (0%N, (0%N, Z0))) ?s1 // nth_indexed ?sk //=; case: ifP => [/and3P[h1 h2 h3]|_]; last exact: hk.
have {}h1 : (first <= i)%N by apply/ssrnat.leP/PeanoNat.Nat.leb_le.
have {}h2 : (i - first < width_ b)%N by rewrite -sg; apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt.
by rewrite /= zr0 mul0r -(subnKC h1) zx // (number_ord x (Ordinal h2)); apply: one; exact: h3.
Qed.

Lemma aloneE x at_right c y y' : in_piece x -> alone l r x at_right c = Some (y, y') -> in_piece y \/ in_piece y'.
Proof.
move=> [h1 [sk hk] h3 h4]; rewrite /alone; pose b := if at_right then r else l; rewrite -/b.
case eb: (norm_in b) => [|||?|?|g|?] //.
pose w : 'cV[R]_(width_ b) := if at_right as a return 'cV[R]_(width_ (if a then r else l)) then v else u.
pose first := if at_right then width_ l else 0%N.
have wb : ball_ok w by rewrite /w /b; case: (at_right).
have zw i : (i < width_ b)%N -> number z (first + i) = number w i.
  by rewrite /first /w /b; case: (at_right) => h; [exact: z_right|exact: z_left].
have sg : size g = width_ b by case: wb; rewrite eb /= => /andP[/eqnP].
have ex : excluded w (if at_right then (not_in x).2 else (not_in x).1).
  by rewrite /w /b; case: (at_right).
set others := c :: _; set left_over := (if filter _ _ is _ :: _ then _ else _) => -[<- <-].
have keep c' : single g w c' -> size (away first c' g (copies x)) = k /\ forall i, (i < k)%N ->
    number z i = zr (nth (0%N, Z0) (away first c' g (copies x)) i).2 * number z (nth (0%N, Z0) (away first c' g (copies x)) i).1.
  by move=> h; exact: (away_ok eb sg h zw).
case: (boolP [forall i : 'I_(width_ b), (nth 0%N g i == c) || (w i 0 == 0)]) => [/forallP one|no].
  left; split=> //=; apply: keep => i ic; have := one i; rewrite (negPf ic) /=; exact/eqP.
have not_c : ~ single g w c.
  by move=> h; case/negP: no; apply/forallP => i; case: eqP => //= /eqP ic; rewrite h.
have ex' : excluded w others.
  move=> g' eg' c'; rewrite inE => /orP[/eqP ->|hc]; last exact: ex eg' _ hc.
  by have [<-] : Groups g = Groups g' :> norm_form dyadic by rewrite -eb -eg'.
right; split=> /=; first exact: h1.
- rewrite /left_over; case ef: (filter _ _) => [|e rest] //; case: ifP => // /allP same.
  apply: keep; have [_ _ _ _ /(_ g eb)[z0|[c0 c0g hc0]]] := wb; first by move=> i _; rewrite z0 mxE.
  have: c0 \in filter (fun e0 => negb (has (eqn e0) others)) g.
    rewrite mem_filter c0g andbT; apply/negP => /hasP[e' he' /eqnP ee]; apply: (ex' g eb e' he').
    by rewrite -ee.
  rewrite ef inE => /orP[/eqP <- //|/same /eqnP ee]; by rewrite ee.
- by move: ex'; rewrite /w /b /others; case: (at_right).
by move: ex'; rewrite /w /b /others; case: (at_right).
Qed.

Lemma partedE x s y y' : in_piece x -> parted l r x s = Some (y, y') -> in_piece y \/ in_piece y'.
Proof.
case: s => [a|i j|b c]; [|exact: identifiedE|exact: aloneE].
move=> [h1 h2 h3 h4] /=; case: ifP => // /shapedP ha [<- <-].
have [pos|/ltW neg] := leP 0 ((mx 1 k a *m z) 0 0).
  by left; split=> //=; apply: all_hold_rcons.
by right; split=> //=; apply: all_hold_rcons.
Qed.

Lemma heads_sub (cs : seq (nat * Z)) : subseq (heads cs) (iota 0 (size cs)).
Proof.
have e : map fst (indexed cs) = iota 0 (size cs) by rewrite -/(unzip1 _) unzip1_zip // size_iota.
by rewrite -e; apply: map_subseq; exact: filter_subseq.
Qed.

Lemma sum_heads K hs (F : nat -> R) : subseq hs (iota 0 K) ->
  \sum_(a < size hs) F (nth K hs a) = \sum_(i < K) if (i : nat) \in hs then F i else 0.
Proof.
move=> /(subseq_uniqP (iota_uniq 0 K)) e.
transitivity (\sum_(i <- hs) F i); first by rewrite (big_nth K) big_mkord.
rewrite {1}e big_filter -(big_mkord xpredT (fun i => if i \in hs then F i else 0)) big_mkcond.
by rewrite /index_iota subn0.
Qed.

Section Leaf.
Variable hs : seq nat.
Hypothesis sub : subseq hs (iota 0 k).
Let h := size hs.
Let Y (a : nat) := number z (nth k hs a).
Let y : 'cV[R]_h := \col_(a < h) Y a.
Lemma side_partE b (w : 'cV[R]_(width_ b)) first at_ all_d g s c g' : ball_ok w ->
  (first + width_ b <= k)%N -> (forall i, (i < width_ b)%N -> number z (first + i) = number w i) ->
  size all_d = k -> shape h h g -> (mx h h g)^T = mx h h g ->
  side_part mul l r b first at_ hs all_d g s = Some (c, g') ->
  [/\ shape h h g', (mx h h g')^T = mx h h g'
    & qf (mx h h g) y + \sum_(i < width_ b) dv (nth dzero all_d (first + i)) * w i 0 ^+ 2 <= qf (mx h h g') y + dv c].
Proof.
move=> [hp mw w1 _ _] fb zw sa sg sym; rewrite /side_part; set d := take _ _.
have sd : size d = width_ b by rewrite size_takel // size_drop sa leq_subRL // (leq_trans (leq_addr _ _) fb).
have -> : \sum_(i < width_ b) dv (nth dzero all_d (first + i)) * w i 0 ^+ 2 = \sum_(i < width_ b) dv (nth dzero d i) * w i 0 ^+ 2.
  by apply: eq_bigr => i _; rewrite nth_take // nth_drop.
case: s => [s|]; last by case=> <- <-; split=> //; rewrite lerD2l; exact: spread_bound.
case: ifP => // /and3P[/shapedP hs_ ss /allP places].
case e: (entries_cost b d s) => [c'|] //; set t := transpose _ _ => -[<- <-].
pose rows : seq (seq (nat * Z)) := map (fun i : nat => [:: ((at_ + i)%N, Zpos xH)]) (iota 0 (width_ b)).
have sz : size rows = width_ b by rewrite size_map size_iota.
have [sE eE] := sparse_rowsE (size hs) Z0 sz; set E := sparse_rows _ _ _ in sE eE t *.
have [ht et] := transposeE sE; rewrite -/t in ht et.
have [h1 e1] := productE ht hs_; have [h2 e2] := productE ht h1; have [h3 e3] := gsubE sg h2.
have {}e2 : mx h h (mul t (mul t s)) = (mx (width_ b) h E)^T *m mx (width_ b) (width_ b) s *m mx (width_ b) h E.
  by rewrite e2 e1 et trmx_mul !trmxK mulmxA.
split=> //; first by rewrite e3 linearB /= sym e2 !trmx_mul trmxK (symmetricE hs_ ss) mulmxA.
rewrite e3 qfB e2 qf_congr.
have -> : mx (width_ b) h E *m y = w.
  apply/matrixP => i j; rewrite ord1 eE /rows (nth_map 0%N) ?size_iota // nth_iota // worth1 /= mulr1 mul1r.
  have ii : (i : nat) \in iota 0 (width_ b) by rewrite mem_iota /= add0n ltn_ord.
  have /eqnP ei := places i ii; have ha : (at_ + i < h)%N.
    rewrite ltnNge; apply/negP => big; move: ei; rewrite nth_default // => ek.
    have lt : (first + i < k)%N by apply: leq_trans fb; rewrite ltn_add2l ltn_ord.
    by move: lt; rewrite -ek /total ltnn.
  rewrite number_col // /Y (set_nth_default (total l r)) // ei zw // (number_ord w i) //.
have := entries_costE hp mw w1 sd hs_ e; move: (qf (mx _ _ s) w) (\sum_(i < _) _) (qf _ y) => a b' c0; lra.
Qed.

Lemma widestE b (w : 'cV[R]_(width_ b)) first : ball_ok w ->
  \sum_(i < width_ b) (if (first + i)%N \in hs then w i 0 ^+ 2 else 0) <= dv (widest_of b first hs).
Proof.
move=> [hp _ w1 _ _]; rewrite /widest_of.
have plain : \sum_(i < width_ b) (if (first + i)%N \in hs then w i 0 ^+ 2 else 0)
    <= dv (spread_cost (norm_in b) (nseq (width_ b) one)).
  have d1 (i : nat) : (i < width_ b)%N -> dv (nth dzero (nseq (width_ b) one) i) = 1 by move=> hi; rewrite nth_nseq hi oneE.
  have [|c0 hc] := spread_costE hp (size_nseq (width_ b) one); first by move=> i hi; rewrite d1 ?ler01.
  apply: le_trans (_ : _ <= \sum_(i < width_ b) dv (nth dzero (nseq (width_ b) one) i) * w i 0 ^+ 2) _.
    by apply: ler_sum => i _; rewrite d1 // mul1r; case: ifP => _; rewrite ?sqr_ge0.
  have d0 (i : 'I_(width_ b)) : 0 <= dv (nth dzero (nseq (width_ b) one) i) by rewrite d1 // ler01.
  apply: le_trans (costs_le w (norm_okE hp) c0 d0 hc) _; rewrite -[leRHS]mulr1 ler_wpM2l // expr_le1 //.
  exact: norm_ge0 (norm_okE hp).
case en_: (norm_in b) => [|||?|?|?|?]; rewrite -?en_; try exact: plain; rewrite dv_nat.
have w2 i : w i 0 ^+ 2 <= 1.
  rewrite -real_normK ?num_real // expr_le1 //; apply: le_trans w1; rewrite en_; exact: Norms.le_linf.
apply: (@le_trans _ _ (\sum_(i < width_ b) ((first + i)%N \in hs)%:R)).
  by apply: ler_sum => i _; case: ifP.
rewrite -natr_sum ler_nat; set P := fun i => _ && _.
have counted_ n f : (\sum_(i < n) ((f + i)%N \in hs) = size (filter (mem hs) (iota f n)))%N.
  elim: n f => [|n IH] f; first by rewrite big_ord0.
  rewrite big_ord_recl addn0 /= (eq_bigr (fun i : 'I_n => nat_of_bool (f.+1 + i \in hs)%N)) => [|i _]; last by rewrite addSnnS.
  by rewrite IH; case: ifP.
rewrite counted_ -size_filter; apply: uniq_leq_size; first by rewrite filter_uniq // iota_uniq.
move=> i; rewrite !mem_filter mem_iota => /andP[ih /andP[fi il]]; rewrite (_ : i \in hs = true) ?andbT /P; last exact: ih.
by apply/andP; split; [apply/PeanoNat.Nat.leb_le/ssrnat.leP|apply/PeanoNat.Nat.ltb_lt/ssrnat.ltP].
Qed.
End Leaf.

Lemma heads_all (cs : seq (nat * Z)) : size (heads cs) = size cs -> heads cs = iota 0 (size cs).
Proof.
by move=> e; have [_] := size_subseq_leqif (heads_sub cs); rewrite size_iota e eqxx => /esym/eqP.
Qed.

Lemma ball_leafE (g f : grid) hh x p t : shape k k g -> (mx k k g)^T = mx k k g -> shape hh k f -> on_cone hh f z ->
  in_piece x -> ball_leaf mul l r g f x p = Some t -> qf (mx k k g) z <= 2 * dv t.
Proof.
move=> sg sym hf of_ [hsides [sk hk] _ _]; rewrite /ball_leaf.
have sub : subseq (heads (copies x)) (iota 0 k) by rewrite -sk; exact: heads_sub.
have all_heads : size (heads (copies x)) = k -> heads (copies x) = iota 0 k.
  by rewrite -sk; exact: heads_all.
move: (heads (copies x)) sub all_heads => hs sub all_heads; set d := (if pD p is Some _ then _ else _).
case: ifP => // /and3P[/shapedP hd /allP real _]; case ef: (with_facts _ _ _ _ _ _) => [g1|] //.
have [h' [hf' of']] := factsE (c := 0%N) (leq0n hh) hf (on_facts0 of_) hsides.
have [sg1 sym1 le1] := with_factsE sg sym hf' ef; have {}le1 := le1 z of'.
pose Y (a : nat) := number z (nth k hs a); pose y : 'cV[R]_(size hs) := \col_(a < size hs) Y a.
have zE : z = \col_(i < k) number z i by apply/matrixP => i j; rewrite ord1 [RHS]mxE number_ord.
set m := transpose _ _; set g2 := (if eqn _ _ then g1 else _).
have [sg2 sym2 e2] : [/\ shape (size hs) (size hs) g2, (mx (size hs) (size hs) g2)^T = mx (size hs) (size hs) g2
    & qf (mx (size hs) (size hs) g2) y = qf (mx k k g1) z].
  rewrite /g2; case: ifP => [/eqnP e|_].
    have ehs := all_heads e; rewrite /y; move: e; rewrite /Y; rewrite ehs => e; clear g2.
    move: (size _) e => n e; subst n; split=> //.
    transitivity (\sum_(i < k) \sum_(j < k) en g1 i j * (number z (nth k (iota 0 k) i) * number z (nth k (iota 0 k) j))).
      exact: (qf_nat _ g1 (fun a => number z (nth k (iota 0 k) a))).
    rewrite [in RHS]zE qf_nat; apply: eq_bigr => i _; apply: eq_bigr => j _.
    by rewrite !nth_iota.
  pose rows : seq (seq (nat * Z)) := map (fun e => [:: (find (eqn e.1) hs, e.2)]) (copies x).
  have sz : size rows = k by rewrite size_map.
  have [sM eM] := sparse_rowsE (size hs) Z0 sz; rewrite -[sparse_rows _ _ _]/(restricted (copies x) hs) in sM eM.
  have [ht et] := transposeE sM; rewrite -/m in ht et; set M := mx k (size hs) _ in eM et.
  have [h1 e1] := productE ht sg1; have [h2 e2] := productE ht h1.
  have {}e2 : mx (size hs) (size hs) (mul m (mul m g1)) = M^T *m mx k k g1 *m M.
    by rewrite e2 e1 et trmx_mul !trmxK mulmxA.
  split=> //; first by rewrite e2 !trmx_mul trmxK sym1 mulmxA.
  rewrite e2 qf_congr; congr (qf _ _); apply/matrixP => i j; rewrite ord1 eM /rows (nth_map (0%N, Z0)) ?sk // worth1 /= mulr1.
  have := real _ (mem_nth (0%N, Z0) (_ : (i < size (copies x))%N)); rewrite sk => /(_ (ltn_ord i)).
  rewrite -(number_ord z i) [RHS]hk //; case: (nth _ _ _) => c s /= /orP[/Z.eqb_eq ->|]; first by rewrite zr0 !mul0r.
  rewrite has_find => lt; rewrite number_col // /Y; congr (_ * number z _).
  by have := nth_find k (_ : has (eqn c) hs); rewrite has_find => /(_ lt) /eqnP.
move: g2 sg2 sym2 e2 => g2 sg2 sym2 e2; clear m.
set dz := flatten (ints d); have sdz : size dz = size hs.
  by rewrite (size_flat (shape_all hd)) (proj1 hd) muln1.
set dg := sparse_rows _ _ (ex d); set all_d := map _ (iota 0 _).
have sa : size all_d = k by rewrite size_map size_iota.
have uq : uniq hs := subseq_uniq sub (iota_uniq 0 k).
pose D (a : nat) : R := zr (nth Z0 dz a) * p2 (ex d).
have [sdg symd ed] : [/\ shape (size hs) (size hs) dg, (mx (size hs) (size hs) dg)^T = mx (size hs) (size hs) dg
    & qf (mx (size hs) (size hs) dg) y = \sum_(a < size hs) D a * Y a ^+ 2].
  pose rows : seq (seq (nat * Z)) := map (fun e => [:: e]) (indexed dz).
  have si : size (indexed dz) = size hs by rewrite size_zip size_iota minnn.
  have sz : size rows = size hs by rewrite size_map.
  have [sM eM] := sparse_rowsE (size hs) (ex d) sz; rewrite -[sparse_rows _ _ _]/dg in sM eM; split=> //.
    apply/matrixP => i j; rewrite !mxE /entry_ /=; congr (zr _ * _).
    rewrite !(nth_map [::]) ?sz // !nth_mkseq // !(nth_map (0%N, Z0)) ?si // !nth_indexed ?sdz //= !Z.add_0_r.
    by rewrite !eqnE [(j : nat) == i]eq_sym; case: eqP => [->|_]; reflexivity.
  rewrite /qf dot_col; apply: eq_bigr => i _; rewrite eM mxE /rows (nth_map (0%N, Z0)) ?si // nth_indexed ?sdz //.
  by rewrite worth1 /= number_col // /D; ring.
have dE i : (i < k)%N -> dv (nth dzero all_d i) = D (find (eqn i) hs).
  by move=> ik; rewrite (nth_map 0%N) ?size_iota // nth_iota // dvE.
have find_hs i : find (eqn i) hs = seq.index i hs by apply: eq_find => j; rewrite /= eqnE eq_sym.
have sumD : \sum_(a < size hs) D a * Y a ^+ 2 = \sum_(i < k) dv (nth dzero all_d i) * number z i ^+ 2.
  pose T_ (i : nat) : R := dv (nth dzero all_d i) * number z i ^+ 2; transitivity (\sum_(a < size hs) T_ (nth k hs a)).
    apply: eq_bigr => a _; have ak : (nth k hs a < k)%N.
      have : nth k hs a \in iota 0 k by apply: (mem_subseq sub); exact: mem_nth.
      by rewrite mem_iota add0n.
    by rewrite /T_ dE // find_hs index_uniq.
  rewrite (sum_heads T_ sub); apply: eq_bigr => i _; case: ifP => // no; rewrite /T_ dE // find_hs.
  by rewrite memNindex ?no // /D nth_default ?sdz // zr0 !mul0r.
have sumY : sq y = \sum_(i < k) if (i : nat) \in hs then number z i ^+ 2 else 0.
  by rewrite -(sum_heads (fun i => number z i ^+ 2) sub) sq_col; apply: eq_bigr => a _; rewrite mxE.
have [h3 e3] := gsubE sg2 sdg; set g3 := gsub g2 dg in h3 e3 *.
have sym3 : (mx (size hs) (size hs) g3)^T = mx (size hs) (size hs) g3 by rewrite e3 linearB /= sym2 symd.
case el: (side_part _ _ _ _ _ _ _ _ _ _) => [[c g4]|] //; case er: (side_part _ _ _ _ _ _ _ _ _ _) => [[c' g5]|] // [<-].
have fl : (0 + width_ l <= k)%N by rewrite add0n leq_addr.
have [h4 sym4 q4] := side_partE ul fl z_left sa h3 sym3 el.
have [h5 sym5 q5] := side_partE vr (leqnn _) z_right sa h4 sym4 er.
have wl := widestE hs 0 ul; have wr := widestE hs (width_ l) vr.
have top5 := topE (fL (in_form p)) (fshift (in_form p)) y h5 sym5.
have q3 : qf (mx (size hs) (size hs) g3) y = qf (mx k k g1) z - \sum_(i < k) dv (nth dzero all_d i) * number z i ^+ 2.
  by rewrite e3 qfB e2 ed sumD.
have split_ (F : nat -> R) : \sum_(i < k) F i = \sum_(i < width_ l) F i + \sum_(i < width_ r) F (width_ l + i)%N.
  exact: big_split_ord.
rewrite (split_ (fun i => dv (nth dzero all_d i) * number z i ^+ 2)) in q3.
rewrite (split_ (fun i => if i \in hs then number z i ^+ 2 else 0)) in sumY.
move: q3 sumY; cbv beta.
have ->: \sum_(i < width_ l) dv (nth dzero all_d i) * number z i ^+ 2 = \sum_(i < width_ l) dv (nth dzero all_d (0 + i)) * u i 0 ^+ 2.
  by apply: eq_bigr => i _; rewrite z_left // number_ord.
have ->: \sum_(i < width_ r) dv (nth dzero all_d (width_ l + i)) * number z (width_ l + i) ^+ 2 = \sum_(i < width_ r) dv (nth dzero all_d (width_ l + i)) * v i 0 ^+ 2.
  by apply: eq_bigr => i _; rewrite z_right // number_ord.
have -> : \sum_(i < width_ l) (if (i : nat) \in hs then number z i ^+ 2 else 0) = \sum_(i < width_ l) (if (0 + i)%N \in hs then u i 0 ^+ 2 else 0).
  by apply: eq_bigr => i _; rewrite z_left // number_ord.
have -> : \sum_(i < width_ r) (if (width_ l + i)%N \in hs then number z (width_ l + i) ^+ 2 else 0) = \sum_(i < width_ r) (if (width_ l + i)%N \in hs then v i 0 ^+ 2 else 0).
  by apply: eq_bigr => i _; rewrite z_right // number_ord.
rewrite dv_half !dvD dvM dvD dv_max dv_zero; move=> q3 sumY.
rewrite -/y in q4 q5 top5; set T := dv (top _ _ _ _ _) in top5 *.
have tY : qf (mx (size hs) (size hs) g5) y <= Num.max T 0 * (dv (widest_of l 0 hs) + dv (widest_of r (width_ l) hs)).
  apply: le_trans top5 _; apply: (@le_trans _ _ (Num.max T 0 * sq y)).
    by rewrite ler_wpM2r ?sq_ge0 // le_max lexx.
  rewrite ler_wpM2l ?le_max ?lexx ?orbT // sumY; exact: lerD wl wr.
move: le1 q3 q4 q5 tY; set A1 := qf (mx k k g) z; set A2 := qf (mx k k g1) z.
move: (qf _ y) (qf _ y) (qf _ y) => B3 B4 B5; move: (\sum_(i < width_ l) _) (\sum_(i < width_ r) _) (Num.max T 0 * _) => S1 S2 M; lra.
Qed.

Lemma ballsE (g f : grid) hh t p : shape k k g -> (mx k k g)^T = mx k k g -> shape hh k f -> on_cone hh f z ->
  balls mul l r g f t = Some p -> qf (mx k k g) z <= 2 * dv p.
Proof.
move=> sg sym hf of_; apply: (worstE (P := in_piece) (le_ := fun x => qf (mx k k g) z <= 2 * x)) => [a b ab h|x s y y'|//|x q b|].
- by apply: le_trans h _; rewrite ler_pM2l.
- exact: partedE.
- exact: ball_leafE sg sym hf of_.
split=> //=; split=> [|i ik]; first by rewrite size_map size_iota.
by rewrite (nth_map 0%N) ?size_iota // nth_iota // add0n mul1r.
Qed.
End Balls.

Lemma hatE m n w : shape m n w -> let W := mx m n w in
  shape (m + n) (m + n) (hat m n w) /\ mx (m + n) (m + n) (hat m n w) = block_mx 0 W W^T 0.
Proof.
move=> hw W; have [ht et] := transposeE hw; have [h1 e1] := blankE m m.
have [h2 e2] := blankE n n; have [h3 e3] := besideE h1 hw; have [h4 e4] := besideE ht h2.
by have [h5 e5] := aboveE h3 h4; split=> //; rewrite e5 e3 e4 e1 e2 et.
Qed.

(* a side as a ball, and back *)
Definition back k p s boxed : 'M[R]_(k, width_ (ball_of k p s boxed)) :=
  if boxed as b return 'M_(k, width_ (ball_of k p s b)) then mx k k.+1 (box_map s k) else 1%:M.

Lemma box_mapE s k (x : 'cV[R]_k) : let y : 'cV[R]_k.+1 := \col_i (if i : nat is j.+1
    then match s with Free => number x j | NonNegative => 2 * number x j - 1 | NonPositive => 2 * number x j + 1 end
    else 1) in shape k k.+1 (box_map s k) /\ mx k k.+1 (box_map s k) *m y = x.
Proof.
move=> y; have sz : size (map (fun i => if s is Free then [:: (i.+1, Zpos 2)] else [:: (0%N, unit_of s); (i.+1, Zpos xH)]) (iota 0 k)) = k.
  by rewrite size_map size_iota.
have [h e] := sparse_rowsE k.+1 (Zneg xH) sz; split=> //; apply/matrixP => i j; rewrite ord1 e (nth_map 0%N) ?size_iota // nth_iota //.
have y0 : number y 0 = 1 by rewrite (number_ord y ord0) mxE.
have yi : number y i.+1 = match s with Free => x i 0 | NonNegative => 2 * x i 0 - 1 | NonPositive => 2 * x i 0 + 1 end.
  have hi : (i.+1 < k.+1)%N by rewrite ltnS.
  by rewrite (number_ord y (Ordinal hi)) mxE /= number_ord.
have half_ : p2 (Zneg xH) = 1 / 2 by rewrite /p2 exprN1 mul1r.
have two : zr 2 = 2 by []. have one_ : zr 1 = 1 by []. have minus : zr (Zneg xH) = -1 by [].
rewrite half_ /worth; move: (number y) y0 yi => Y y0 yi; clear e h sz y; rewrite add0n.
case: s yi => yi.
- by rewrite big_seq1 /= yi two; field.
- by rewrite big_cons big_seq1 /= y0 yi one_; field.
by rewrite big_cons big_seq1 /= y0 yi one_ minus; field.
Qed.

Lemma side_ok k p s boxed (u y : 'cV[R]_k) (b := ball_of k p s boxed) : norm_ok p k -> meets s u ->
  norm (normv p) u <= 1 -> (boxed -> p = LInf) -> exists x : 'cV[R]_(width_ b),
  [/\ ball_ok x, boxed -> number x 0 = 1 & dot u y <= dot (back k p s boxed *m x) y].
Proof.
move=> hp mu u1 hb; have sg g : normv p = Groups g -> size g = k.
  by case: p hp {u1 hb b} => //= g' /andP[/eqnP e _] [<-].
have [x [mx_ x1 cx le_]] := a_corner y (norm_okE hp) sg mu u1.
rewrite /b /back; case: boxed hb {b} => [/(_ isT) ep|_]; last first.
  exists x; rewrite mul1mx; split=> //; split=> //= => [|g eg].
    by move=> /andP[]; case: (p) cx => // cx _; case: (s) cx => // cx _ i; exact: cx.
  by move: cx; rewrite eg.
subst p; have [_ e] := box_mapE s x; set z := \col_i _ in e; exists z; split.
- have z1 i : z i 0 = 1 \/ z i 0 = -1.
    rewrite mxE; case: i => -[|j] hj /=; first by left.
    have hj' : (j < k)%N by rewrite -ltnS.
    rewrite (number_ord x (Ordinal hj')); have := cx (Ordinal hj'); rewrite /top_of /bottom_of.
    by case: (s) => -[] ->; [left|right|left|right|left|right]; ring.
  split=> //=; apply: Norms.linf_lub => // i; by case: (z1 i) => ->; rewrite ?normrN normr1.
- by rewrite (number_ord z ord0) mxE.
by rewrite e.
Qed.

Lemma signed_facts b (x : 'cV[R]_(width_ b)) k (z : 'cV[R]_k) first : meets (sign_in b) x ->
  (forall i, (i < width_ b)%N -> number z (first + i) = number x i) ->
  forall r, r \in signed_at b first -> 0 <= worth z r.
Proof.
rewrite /signed_at => mx_ zx r; case es: (sign_in b) mx_ => // mx_ /mapP[i]; rewrite mem_iota add0n => /andP[_ hi] ->.
  by rewrite worth1 /= zx // (number_ord x (Ordinal hi)) mul1r; exact: mx_.
by rewrite worth1 /= zx // (number_ord x (Ordinal hi)) mulN1r oppr_ge0; exact: mx_.
Qed.

Lemma boxed_facts (boxed : bool) b (x : 'cV[R]_(width_ b)) k (z : 'cV[R]_k) first : ball_ok x -> (boxed -> number x 0 = 1) ->
  (boxed -> at_corner b) -> (forall i, (i < width_ b)%N -> number z (first + i) = number x i) ->
  forall r, r \in boxed_at boxed b first -> 0 <= worth z r.
Proof.
rewrite /boxed_at; case: boxed => // -[_ _ _ cx _] /(_ isT) x0 /(_ isT)/cx {}cx zx r /flattenP[rs /mapP[i]].
rewrite mem_iota add0n => /andP[_ hi] ->.
have hi' : (i.+1 < width_ b)%N by case: (width_ b) hi.
have z0 : number z first = 1 by rewrite -(addn0 first) zx // (leq_trans _ hi').
have zi : number z (first + i.+1) = 1 \/ number z (first + i.+1) = -1.
  by rewrite zx // (number_ord x (Ordinal hi')); exact: cx.
rewrite !inE /worth => /orP[] /eqP ->; rewrite big_cons big_seq1 /= z0 mul1r.
  by rewrite mul1r; case: zi => ->; rewrite ?subrr ?addr_ge0.
by rewrite mulN1r; case: zi => ->; rewrite ?subrr // opprK addr_ge0.
Qed.

Lemma conicE m n p p' s s' boxes w t c (u : 'cV[R]_m) (v : 'cV[R]_n) : norm_ok p m -> norm_ok p' n -> shape m n w ->
  conic mul m n p p' s s' boxes w t = Some c -> meets s u -> meets s' v -> norm (normv p) u <= 1 ->
  norm (normv p') v <= 1 -> dot u (mx m n w *m v) <= dv c.
Proof.
move=> hp hp' hw; rewrite /conic; case: boxes => bl br /=; set l := ball_of m p s bl; set r := ball_of n p' s' br.
case: ifP => // /andP[cl cr] e mu mv u1 v1; set W := mx m n w.
have {}cl : bl -> p = LInf by move=> b; move: cl; rewrite b /=; case: (p).
have {}cr : br -> p' = LInf by move=> b; move: cr; rewrite b /=; case: (p').
have [x [ox x0 le1]] := side_ok (W *m v) hp mu u1 cl; rewrite -/l in x ox x0 le1.
have [x' [ox' x0' le2]] := side_ok (W^T *m (back m p s bl *m x)) hp' mv v1 cr; rewrite -/r in x' ox' x0' le2.
apply: le_trans le1 _; have -> : dot (back m p s bl *m x) (W *m v) = dot v (W^T *m (back m p s bl *m x)).
  by rewrite [RHS]dotC [RHS]dot_mull trmxK.
apply: le_trans le2 _.
set w1 := (if bl then _ else w) in e; set w2 := (if br then _ else w1) in e.
have [h1 e1] : shape (width_ l) n w1 /\ mx (width_ l) n w1 = (back m p s bl)^T *m W.
  rewrite /w1 /l /back; case: (bl); last by rewrite trmx1 mul1mx.
  have [hb _] := box_mapE s (0 : 'cV[R]_m); have [ht et] := transposeE hb; have [hw' ew] := transposeE hw.
  by have [h3 e3] := productE ht hw'; split=> //; rewrite e3 et ew trmxK.
have [h2 e2] : shape (width_ l) (width_ r) w2 /\ mx (width_ l) (width_ r) w2 = (back m p s bl)^T *m W *m back n p' s' br.
  rewrite -e1 /w2 /r /back; case: (br); last by rewrite mulmx1.
  have [hb _] := box_mapE s' (0 : 'cV[R]_n); have [ht et] := transposeE hb.
  by have [h3 e3] := productE h1 ht; split=> //; rewrite e3 et trmxK.
have -> : dot (back n p' s' br *m x') (W^T *m (back m p s bl *m x)) = dot x (mx (width_ l) (width_ r) w2 *m x').
  by rewrite e2 [LHS]dotC [LHS]dot_mull trmxK [LHS]dot_mull !mulmxA.
move: e2 => _; have [hh eh] := hatE h2.
set rows := _ ++ _ in e; have [hf ef] := sparse_rowsE (total l r) Z0 (erefl (size rows)).
have sym : (mx (width_ l + width_ r) (width_ l + width_ r) (hat (width_ l) (width_ r) w2))^T
    = mx (width_ l + width_ r) (width_ l + width_ r) (hat (width_ l) (width_ r) w2).
  by rewrite eh tr_block_mx trmxK !trmx0.
have on : on_cone (size rows) (sparse_rows (total l r) rows Z0) (col_mx x x').
  move=> i; rewrite ef mulr1; have: nth [::] rows i \in rows by rewrite mem_nth.
  have cl_ : bl -> at_corner l by move=> b; rewrite /l b.
  have cr_ : br -> at_corner r by move=> b; rewrite /r b.
  have mx_ : meets (sign_in l) x by case: ox. have mx'_ : meets (sign_in r) x' by case: ox'.
  rewrite /rows !mem_cat => /orP[|/orP[|/orP[]]].
  - by apply: (signed_facts mx_) => j; exact: z_left.
  - by apply: (signed_facts mx'_) => j; exact: z_right.
  - by apply: (boxed_facts ox x0 cl_) => j; exact: z_left.
  by apply: (boxed_facts ox' x0' cr_) => j; exact: z_right.
have := ballsE ox ox' hh sym hf on e; rewrite eh qf_hat; by rewrite ler_pM2l.
Qed.

Transparent sqrt_up root_up root_down inverse_up.

(* simplicial cones *)
Opaque root_up.
Lemma lowestE m n a : shape m n a -> shape m n (lowest a) /\ mx m n (lowest a) = mx m n a.
Proof.
move=> [hm hn]; rewrite /lowest; set t := spare _ _; case: ifP => // /andP[t0 same].
split.
  by split=> [|i im] /=; rewrite ?size_map // (nth_map [::]) ?hm // size_map hn.
apply/matrixP => i j; rewrite !mxE p2D mulrA mulrAC -(zr_shift _ t0) /entry_ /=.
have hi : (i < size (ints a))%N by rewrite hm.
have row_ := all2_nth [::] [::] same hi; have hj : (j < size (nth [::] (ints a) i))%N by rewrite hn.
by have /Z.eqb_eq <- := all2_nth Z0 Z0 row_ hj.
Qed.
Opaque lowest.

Section Cones.
Variables (d n : nat) (p p' : norm_form dyadic) (s s' : sign) (e : Z).
Hypotheses (hp : norm_ok p d) (hp' : norm_ok p' n).
Variables (z : 'cV[R]_d) (y v : 'cV[R]_n).
Hypotheses (mz : meets s z) (mv : meets s' v).

(* what a row earns of v of a sign, by a root in units of 2^-64 *)
Lemma root_dual t x (w : 'cV[R]_n) : meets t w -> (size x <= n)%N ->
  \sum_(l < n) at_ x l * p2 e * w l 0 <=
  zr (root_up (dual_square None p' t (map (fun z => Z.shiftl z bits) x))) * p2 (Z.sub e bits) * norm (normv p') w.
Proof.
move=> mw sx; set x' := map _ x; have sx' : (size x' <= n)%N by rewrite size_map.
have [D0 h] := dual_squareE None t (Z.sub e bits) hp' sx'; have := root_upP D0; move: (root_up _) => r [r0 hr].
have -> : \sum_(l < n) at_ x l * p2 e * w l 0 = \sum_(l < n) at_ x' l * p2 (Z.sub e bits) * w l 0.
  apply: eq_bigr => l _; congr (_ * _); rewrite /at_; have [hl|hl] := ltnP l (size x); last first.
    by rewrite !nth_default ?size_map // zr0 !mul0r.
  by rewrite (nth_map Z0) // zr_shift // p2B; field; rewrite gt_eqF ?p2_gt0.
apply: (dual_le (s := t)) => //; first exact: norm_okE.
  by rewrite mulr_ge0 ?p2_ge0 ?zr_ge0.
by apply: dual_more h; rewrite exprMn -expr2 ler_wpM2r ?sqr_ge0.
Qed.

(* what A g earns of v, at a vertex; a vertex knows as much *)
Definition earns_ (x : seq Z) : R := \sum_(l < n) at_ x (d + l) * p2 e * v l 0.
Definition vertex_ok (w : vertex) : Prop := size (coordinates w) = (d + n)%N /\
  earns_ (coordinates w) <= zr (most w) * p2 (Z.sub e bits) * norm (normv p') v.

Lemma most_ofE x : size x = (d + n)%N ->
  earns_ x <= zr (most_of d p' s' x) * p2 (Z.sub e bits) * norm (normv p') v.
Proof.
move=> hx; rewrite /most_of; have sx : (size (drop d x) <= n)%N by rewrite size_drop hx addKn.
have -> : earns_ x = \sum_(l < n) at_ (drop d x) l * p2 e * v l 0.
  by apply: eq_bigr => l _; rewrite /at_ nth_drop.
exact: root_dual.
Qed.

Lemma vertex_ofE x : size x = (d + n)%N -> vertex_ok (vertex_of d p p' s' x).
Proof. by move=> hx; split; [exact: hx|exact: most_ofE]. Qed.

(* z and y = h(z) are combinations of the vertices, and of what is bent *)
Definition row_at_ (c : cone) (j : nat) : seq Z := coordinates (nth no_vertex (vertices c) j).
Definition met_ (a : nat -> R) (x : seq Z) : R := \sum_(j < d) a j * at_ x j.
Definition adds (a : nat -> R) l (t : Checker.point) : R := Network.pos (met_ a t.2) * (at_ t.1 l * p2 e).
Definition combined (c : cone) (a : nat -> R) : Prop := [/\ forall j, 0 <= a j,
  forall l : 'I_d, z l 0 = \sum_(j < d) a j * at_ (row_at_ c j) l
  & forall l : 'I_n, y l 0 = \sum_(j < d) a j * (at_ (row_at_ c j) (d + l) * p2 e)
      + \sum_(t <- open_ c) adds a l t].
Definition in_cone (c : cone) : Prop := [/\ size (vertices c) = d,
  forall j, (j < d)%N -> vertex_ok (nth no_vertex (vertices c) j),
  all (fun t : Checker.point => size t.1 == n) (open_ c) & exists a, combined c a].

(* points of one sign *)
Lemma add_behindE t w x : size x = (d + n)%N -> size w = n -> [/\ size (add_behind d t w x) = (d + n)%N,
  forall l, (l < d)%N -> at_ (add_behind d t w x) l = at_ x l
  & forall l : 'I_n, at_ (add_behind d t w x) (d + l) = at_ x (d + l) + zr t * at_ w l].
Proof.
move=> hx hw; have dx : (d <= size x)%N by rewrite hx leq_addr.
have sx : size (drop d x) = n by rewrite size_drop hx addKn.
split; first by rewrite size_cat size_takel // size_zip_with sx hw minnn.
  by move=> l hl; rewrite /at_ nth_cat size_takel // hl nth_take.
move=> l; rewrite /at_ nth_cat size_takel // ltnNge leq_addr /= addKn.
by rewrite (nth_zip_with _ _ Z0 Z0) ?sx ?hw // zrD zrM nth_drop.
Qed.

Lemma straightE whole j w : size (coordinates w) = (d + n)%N -> all (fun t : Checker.point => size t.1 == n) whole ->
  let x := coordinates (straight d p' s' whole j w) in [/\ size x = (d + n)%N,
  forall l, (l < d)%N -> at_ x l = at_ (coordinates w) l
  & forall l : 'I_n, at_ x (d + l) = at_ (coordinates w) (d + l) + \sum_(t <- whole) at_ t.2 j * at_ t.1 l].
Proof.
move=> hw; rewrite [coordinates _]/(foldr _ _ _); elim: whole => [|t whole IH] /=.
  by move=> _; split=> // l; rewrite big_nil addr0.
move=> /andP[/eqP ht /IH [h1 h2 h3]]; have [g1 g2 g3] := add_behindE (nth Z0 t.2 j) h1 ht; split=> //.
  by move=> l hl; rewrite g2 // h2.
by move=> l; rewrite g3 h3 big_cons [X in _ = _ + X]addrC addrA.
Qed.

Lemma straightenE c : in_cone c -> in_cone (straighten d p' s' c).
Proof.
move=> [hs ok sized [a [a0 hz hy]]]; set c' := straighten _ _ _ _.
pose P (t : Checker.point) := has (Z.ltb Z0) t.2; pose Q (t : Checker.point) := all (Z.leb Z0) t.2.
pose whole := filter Q (filter P (open_ c)).
have ev : vertices c' = if whole is [::] then vertices c
    else mkseq (fun j => straight d p' s' whole j (nth no_vertex (vertices c) j)) d by [].
have sized_whole : all (fun t : Checker.point => size t.1 == n) whole by rewrite !all_filter; apply: sub_all sized => t /= h; rewrite h ?implybT.
have rows_ j : (j < d)%N -> [/\ vertex_ok (nth no_vertex (vertices c') j),
    forall l, (l < d)%N -> at_ (row_at_ c' j) l = at_ (row_at_ c j) l
    & forall l : 'I_n, at_ (row_at_ c' j) (d + l)
      = at_ (row_at_ c j) (d + l) + \sum_(t <- whole) at_ t.2 j * at_ t.1 l].
  move=> hj; have [sj hm] := ok j hj.
  rewrite /row_at_ ev; case ew : whole => [|t l0].
    by split=> // l; rewrite big_nil addr0.
  have [h1 h2 h3] := straightE j sj sized_whole; rewrite -ew (nth_mkseq _ _ hj).
  by split; [split; [exact: h1|exact: most_ofE]|exact: h2|exact: h3].
split.
- by rewrite ev; case: (whole) => [|? ?] //; rewrite size_mkseq.
- by move=> j /rows_ [].
- by rewrite !all_filter; apply: sub_all sized => t /= h; rewrite h ?implybT.
exists a; split=> // l.
  by rewrite hz; apply: eq_bigr => j _; have [_ -> ] := rows_ j (ltn_ord j).
rewrite hy; have -> : \sum_(j < d) a j * (at_ (row_at_ c' j) (d + l) * p2 e)
    = \sum_(j < d) a j * (at_ (row_at_ c j) (d + l) * p2 e) + \sum_(t <- whole) adds a l t.
  have -> : \sum_(t <- whole) adds a l t
      = \sum_(j < d) \sum_(t <- whole) a j * (at_ t.2 j * at_ t.1 l * p2 e).
    rewrite exchange_big /= !big_filter_cond [LHS]big_mkcond [RHS]big_mkcond; apply: eq_bigr => t _.
    case: ifP => // /and3P[_ /(all_nthP Z0) pos_ _].
    have at0 j : 0 <= at_ t.2 j.
      have [hj|hj] := ltnP j (size t.2); last by rewrite /at_ nth_default.
      by rewrite /at_ -zr0 zr_le; exact: pos_.
    rewrite /adds /Network.pos max_l; last by apply: sumr_ge0 => j _; rewrite mulr_ge0.
    by rewrite mulr_suml; apply: eq_bigr => j _; rewrite !mulrA.
  rewrite -big_split; apply: eq_bigr => j _; have [_ _ ->] := rows_ j (ltn_ord j).
  by rewrite mulrDl mulrDr; congr (_ + _); rewrite mulr_suml mulr_sumr.
rewrite -addrA; congr (_ + _).
rewrite (bigID P) /= [X in _ + X]big1 ?addr0 => [|t]; last first.
  move=> /hasPn neg; rewrite /adds /Network.pos max_r ?mul0r // -oppr_ge0 -sumrN sumr_ge0 // => j _.
  rewrite oppr_ge0 mulr_ge0_le0 //; have [hj|hj] := ltnP j (size t.2); last by rewrite /at_ nth_default.
  by rewrite /at_ -zr0 zr_le Z.leb_antisym; exact: neg (mem_nth Z0 hj).
by rewrite (bigID Q) !big_filter_cond; congr (_ + _); apply: eq_bigl => t; rewrite /= andbT.
Qed.

(* a split *)
Lemma half_weights (a : nat -> R) i j (x x' : R) : (i < d)%N -> (j < d)%N -> i != j -> 0 < x ->
  (forall l, 0 <= a l) -> x' * a i <= x * a j -> exists2 b : nat -> R, forall l, 0 <= b l
    & forall f : nat -> R, \sum_(l < d) a l * f l
      = \sum_(l < d) b l * (if l == i :> nat then x * f i + x' * f j else f l).
Proof.
move=> hi hj ij x0 a0 le_; exists (fun l => if l == i then a i / x else if l == j then a j - x' * a i / x else a l).
  move=> l; case: ifP => _; first by rewrite divr_ge0 // ltW.
  by case: ifP => // _; rewrite subr_ge0 ler_pdivrMr // [a j * x]mulrC.
move=> f; have ne : Ordinal hj != Ordinal hi by rewrite eq_sym.
rewrite (bigD1 (Ordinal hi)) //= (bigD1 (Ordinal hj)) //= [RHS](bigD1 (Ordinal hi)) //=.
rewrite [X in _ = _ + X](bigD1 (Ordinal hj)) //= !eqxx [j == i]eq_sym (negbTE ij) !addrA; congr (_ + _).
  by field; rewrite gt_eqF.
apply: eq_bigr => l /andP[li lj]; have -> : (l == i :> nat) = false by apply/negbTE.
by have -> : (l == j :> nat) = false by apply/negbTE.
Qed.

Lemma at_set x i w k : at_ (set_nth Z0 x i w) k = if k == i then zr w else at_ x k.
Proof. by rewrite /at_ nth_set_nth /=; case: ifP. Qed.

Lemma in_half c c' a i j x x' w f : in_cone c -> combined c a -> (i < d)%N -> (j < d)%N -> i != j ->
  0 < x -> x' * a i <= x * a j -> vertex_ok w -> vertices c' = set_nth no_vertex (vertices c) i w ->
  (forall l, (l < d + n)%N -> at_ (coordinates w) l = x * at_ (row_at_ c i) l + x' * at_ (row_at_ c j) l) ->
  open_ c' = map (fun t : Checker.point => (t.1, set_nth Z0 t.2 i (f t))) (open_ c) ->
  (forall t, zr (f t) = x * at_ t.2 i + x' * at_ t.2 j) -> in_cone c'.
Proof.
move=> [hs ok sized _] [a0 hz hy] hi hj ij x0 le_ hw ec ew eo ef.
have [b b0 hb] := half_weights hi hj ij x0 a0 le_.
have row_ l k : (k < d + n)%N -> at_ (row_at_ c' l) k
    = if l == i then x * at_ (row_at_ c i) k + x' * at_ (row_at_ c j) k else at_ (row_at_ c l) k.
  by move=> hk; rewrite /row_at_ ec nth_set_nth /=; case: ifP => // _; exact: ew.
split.
- by rewrite ec size_set_nth hs; apply/maxn_idPr.
- by move=> l hl; rewrite ec nth_set_nth /=; case: ifP => // _; exact: ok.
- by rewrite eo all_map; exact: sized.
exists b; split=> // l.
  rewrite hz (hb (fun k => at_ (row_at_ c k) l)); apply: eq_bigr => k _.
  by rewrite row_ // ltn_addr.
rewrite hy (hb (fun k => at_ (row_at_ c k) (d + l) * p2 e)); congr (_ + _).
  by apply: eq_bigr => k _; rewrite row_ ?ltn_add2l //; case: ifP => // _; rewrite mulrDl !mulrA.
rewrite eo big_map; apply: eq_bigr => t _; rewrite /adds /met_ /= (hb (at_ t.2)); congr (Network.pos _ * _).
by apply: eq_bigr => k _; rewrite at_set; case: ifP => // _; rewrite ef.
Qed.

Lemma sum_ofE a b x x' k l : size x = k -> size x' = k -> Z.leb 0 a -> Z.leb 0 b -> (l < k)%N ->
  at_ (sum_of a b x x') l = p2 a * at_ x l + p2 b * at_ x' l.
Proof.
move=> hx hx' a0 b0 hl; rewrite /at_ (nth_zip_with _ _ Z0 Z0) ?hx ?hx' //.
by rewrite zrD !zr_shift // ![zr _ * _]mulrC.
Qed.

Lemma halvesE c ij c' c'' : in_cone c -> halves d p p' s' c ij = Some (c', c'') -> in_cone c' \/ in_cone c''.
Proof.
case: ij => i j hc; rewrite /halves; set A := Z.max _ _; set B := Z.max _ _.
set w := vertex_of _ _ _ _ _; case: ifP => // /and3P[/Nat.ltb_lt/ssrnat.ltP hi /Nat.ltb_lt/ssrnat.ltP hj ne].
have ij : i != j by apply/eqP => h; move: ne; rewrite h; move/eqnP.
move=> [<- <-]; have [hs ok _ [a ha]] := hc; have [a0 _ _] := ha.
have A0 : Z.leb 0 A by rewrite /A; lia.
have B0 : Z.leb 0 B by rewrite /B; lia.
have si : size (row_at_ c i) = (d + n)%N by case: (ok i hi).
have sj : size (row_at_ c j) = (d + n)%N by case: (ok j hj).
have hw : vertex_ok w by apply: vertex_ofE; rewrite size_zip_with si sj minnn.
have ew l : (l < d + n)%N -> at_ (coordinates w) l
    = p2 A * at_ (row_at_ c i) l + p2 B * at_ (row_at_ c j) l by exact: sum_ofE si sj A0 B0.
pose f (i j : nat) A B (t : Checker.point) := Z.add (Z.shiftl (nth Z0 t.2 i) A) (Z.shiftl (nth Z0 t.2 j) B).
have ef i' j' A' B' (t : Checker.point) : Z.leb 0 A' -> Z.leb 0 B' -> zr (f i' j' A' B' t)
    = p2 A' * at_ t.2 i' + p2 B' * at_ t.2 j' by move=> h h'; rewrite zrD !zr_shift // ![zr _ * _]mulrC.
have ew' l : (l < d + n)%N -> at_ (coordinates w) l
    = p2 B * at_ (row_at_ c j) l + p2 A * at_ (row_at_ c i) l by move=> hl; rewrite ew // addrC.
have [le_|/ltW le_] := leP (p2 B * a i) (p2 A * a j); [left|right]; apply: straightenE.
  apply: (in_half (f := f i j A B) hc ha hi hj ij (p2_gt0 A) le_ hw _ ew) => // t; exact: ef.
rewrite eq_sym in ij.
apply: (in_half (f := f j i B A) hc ha hj hi ij (p2_gt0 B) le_ hw _ ew') => // t; exact: ef.
Qed.

(* a leaf: bounds at the vertices *)
Lemma bent_above (a : nat -> R) (x : nat -> R) w t : (forall j, 0 <= a j) -> 0 <= t <= 1 ->
  Network.pos (\sum_(j < d) a j * x j) * w
  <= \sum_(j < d) a j * (Num.max w 0 * Num.max (x j) 0 + Num.min w 0 * (x j * t)).
Proof.
move=> a0 /andP[t0 t1]; set X := \sum_(j < d) _; have [w0|/ltW w0] := leP 0 w.
  have -> : \sum_(j < d) a j * (w * Num.max (x j) 0 + 0 * (x j * t))
      = (\sum_(j < d) a j * Num.max (x j) 0) * w.
    by rewrite mulr_suml; apply: eq_bigr => j _; ring.
  rewrite ler_wpM2r // /Network.pos ge_max; apply/andP; split.
    by apply: ler_sum => j _; rewrite ler_wpM2l // le_max lexx.
  by apply: sumr_ge0 => j _; rewrite mulr_ge0 // le_max lexx orbT.
have -> : \sum_(j < d) a j * (0 * Num.max (x j) 0 + w * (x j * t)) = t * X * w.
  by rewrite /X mulr_sumr mulr_suml; apply: eq_bigr => j _; ring.
rewrite ler_wnM2r // /Network.pos le_max; apply/orP; case: (lerP 0 X) => [x0|/ltW x0]; [left|right].
  by rewrite ler_piMl.
by rewrite mulr_ge0_le0.
Qed.

Lemma bent_below (a : nat -> R) (x : nat -> R) w t : (forall j, 0 <= a j) -> 0 <= t <= 1 ->
  \sum_(j < d) a j * (Num.min w 0 * Num.max (x j) 0 + Num.max w 0 * (x j * t))
  <= Network.pos (\sum_(j < d) a j * x j) * w.
Proof.
move=> a0 ht; have := bent_above x (- w) a0 ht; rewrite mulrN -lerN2 opprK -sumrN => h.
apply: le_trans h; rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => j _.
have -> : Num.max (- w) 0 = - Num.min w 0 by rewrite oppr_min oppr0.
have -> : Num.min (- w) 0 = - Num.max w 0 by rewrite oppr_max oppr0.
by ring.
Qed.

Lemma zr_min a b : zr (Z.min a b) = Num.min (zr a) (zr b).
Proof. by case: (leP (zr a) (zr b)); rewrite ?zr_le ?zr_lt => h; congr (_ _); lia. Qed.

Lemma steep_gt0 : 0 < zr steep. Proof. by rewrite -zr0 zr_lt. Qed.
Opaque steep.

Lemma chord_ofE c x : 0 <= zr (chord_of c x) / zr steep <= 1.
Proof.
have pos := steep_gt0.
rewrite /chord_of; case: ifP => [/andP[h1 h2]|_]; last by rewrite zr0 mul0r lexx ler01.
move: (Z.div _ _) h1 h2 => t h1 h2; have a0 : 0 <= zr t by rewrite -zr0 zr_le; exact: h1.
have a1 : zr t <= zr steep by rewrite zr_le; exact: h2.
move: (zr steep) (zr t) pos a0 a1 => x1 x2 pos a0 a1.
by apply/andP; split; [exact: divr_ge0 a0 (ltW pos)|rewrite ler_pdivrMr // mul1r].
Qed.

Lemma sum_timesE K acc x t (g : R -> R) (f : Z -> Z -> Z) : size x = K -> size t = K ->
  (forall w r, zr (f w r) = g (zr w) * zr r) ->
  zr (sumz f acc x t) = zr acc + \sum_(i < K) g (at_ x i) * at_ t i.
Proof. by move=> hx ht hf; rewrite (sumzE _ _ hx ht); congr (_ + _); apply: eq_bigr => i _; rewrite hf. Qed.

Lemma positive_timesE w r : zr (positive_times w r) = Num.max (zr w) 0 * zr r.
Proof. by rewrite zrM zr_max zr0. Qed.
Lemma negative_timesE w r : zr (negative_times w r) = Num.min (zr w) 0 * zr r.
Proof. by rewrite zrM zr_min zr0. Qed.

Lemma endsE c j (l : 'I_n) (h : seq Z) : size h = n ->
  let r := open_ c in let K := size r in
  let columns := mkseq (fun l => map (fun t : Checker.point => nth Z0 t.1 l) r) n in
  let chords := map (fun t : Checker.point => chord_of c t.2) r in
  let ends := ends_of s' columns chords (map (fun t : Checker.point => nth Z0 t.2 j) r) h in
  let pt (i : nat) : Checker.point := nth ([::], [::]) r i in
  let slope_ i := zr (chord_of c (pt i).2) / zr steep in
  let high := at_ h l + \sum_(i < K) (Num.max (at_ (pt i).1 l) 0 * Num.max (at_ (pt i).2 j) 0
                + Num.min (at_ (pt i).1 l) 0 * (at_ (pt i).2 j * slope_ i)) in
  let low := at_ h l + \sum_(i < K) (Num.min (at_ (pt i).1 l) 0 * Num.max (at_ (pt i).2 j) 0
                + Num.max (at_ (pt i).1 l) 0 * (at_ (pt i).2 j * slope_ i)) in
  [/\ size ends = n, 0 <= at_ ends l, s' <> NonPositive -> high <= at_ ends l
    & s' <> NonNegative -> - low <= at_ ends l].
Proof.
move=> hh r K columns chords ends pt slope_ high low.
have sc : size columns = n by rewrite size_mkseq.
set x := map (fun t : Checker.point => nth Z0 t.2 j) r; have sx : size x = K by rewrite size_map.
have sch : size chords = K by rewrite size_map.
have xE i : (i < K)%N -> at_ x i = at_ (pt i).2 j by move=> hi; rewrite /at_ (nth_map ([::], [::])).
set over := map (Z.max Z0) x; set under_ := zip_with Z.mul x chords.
have so : size over = K by rewrite size_map.
have su : size under_ = K by rewrite size_zip_with sx sch minnn.
have oE i : (i < K)%N -> at_ over i = Num.max (at_ (pt i).2 j) 0.
  move=> hi; rewrite -(xE i hi); have -> : at_ over i = zr (Z.max Z0 (nth Z0 x i)).
    by rewrite /at_ (nth_map Z0) ?sx.
  by rewrite zr_max zr0 maxC.
have uE i : (i < K)%N -> at_ under_ i = at_ (pt i).2 j * zr (chord_of c (pt i).2).
  move=> hi; rewrite -(xE i hi).
  have -> : at_ under_ i = zr (Z.mul (nth Z0 x i) (nth Z0 chords i)).
    by rewrite /at_ (nth_zip_with _ _ Z0 Z0) ?sx ?sch.
  by rewrite zrM [nth Z0 chords i](nth_map ([::], [::])).
set w := map (fun t : Checker.point => nth Z0 t.1 l) r; have sw : size w = K by rewrite size_map.
have wE i : (i < K)%N -> at_ w i = at_ (pt i).1 l by move=> hi; rewrite /at_ (nth_map ([::], [::])).
pose lo := Z.add (sumz negative_times (nth Z0 h l) w over) (Z.div (sumz positive_times Z0 w under_) steep).
pose hi := Z.add (sumz positive_times (nth Z0 h l) w over) (ceil_div (sumz negative_times Z0 w under_) steep).
have eE : nth Z0 ends l = one_sided s' lo hi.
  by rewrite (nth_zip_with _ _ Z0 [::]) ?hh ?sc // nth_mkseq.
pose up_ (q : R) := Num.max q 0; pose down_ (q : R) := Num.min q 0.
have e1 := sum_timesE (g := up_) (nth Z0 h l) sw so positive_timesE.
have e2 := sum_timesE (g := down_) Z0 sw su negative_timesE.
have e3 := sum_timesE (g := down_) (nth Z0 h l) sw so negative_timesE.
have e4 := sum_timesE (g := up_) Z0 sw su positive_timesE.
have high_ : high <= zr hi.
  rewrite /hi zrD e1 -addrA lerD2l.
  apply: (@le_trans _ _ (\sum_(i < K) up_ (at_ w i) * at_ over i
      + zr (sumz negative_times Z0 w under_) / zr steep)); last first.
    by rewrite lerD2l; apply: ceil_divE; rewrite -zr_lt zr0; exact: steep_gt0.
  rewrite e2 zr0 add0r mulr_suml -big_split /=.
  rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => i _.
  by rewrite wE // oE // uE // /slope_ !mulrA.
have low_ : zr lo <= low.
  rewrite /lo zrD e3 -addrA lerD2l.
  apply: (@le_trans _ _ (\sum_(i < K) down_ (at_ w i) * at_ over i
      + zr (sumz positive_times Z0 w under_) / zr steep)).
    by rewrite lerD2l; apply: div_downE; rewrite -zr_lt zr0; exact: steep_gt0.
  rewrite e4 zr0 add0r mulr_suml -big_split /=.
  rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => i _.
  by rewrite wE // oE // uE // /slope_ !mulrA.
clearbody lo hi; have -> : at_ ends l = zr (one_sided s' lo hi) by rewrite /at_ eE.
split.
- by rewrite size_zip_with hh sc minnn.
- by rewrite /one_sided zr_max zr0 le_max lexx.
- move=> hs; apply: le_trans high_ _; rewrite /one_sided; case: (s') hs => // _; rewrite zr_le; lia.
- move=> hs; apply: (@le_trans _ _ (- zr lo)); first by rewrite lerN2.
  by rewrite -zrN /one_sided; case: (s') hs => // _; rewrite zr_le; lia.
Qed.

Lemma boundsE c a : in_cone c -> combined c a -> size (bounds_of d p' s' c) = d /\
  \sum_l y l 0 * v l 0
  <= \sum_(j < d) a j * (zr (nth Z0 (bounds_of d p' s' c) j) * p2 (Z.sub e bits) * norm (normv p') v).
Proof.
move=> [hs ok sized _] [a0 hz hy]; rewrite /bounds_of; case eo : (open_ c) => [|t0 r0].
  split; first by rewrite size_map.
  have -> : \sum_l y l 0 * v l 0 = \sum_(j < d) a j * earns_ (row_at_ c j).
    under eq_bigr do rewrite hy eo big_nil addr0 mulr_suml; rewrite exchange_big; apply: eq_bigr => j _.
    by rewrite /earns_ mulr_sumr; apply: eq_bigr => l _; rewrite !mulrA.
  apply: ler_sum => j _; apply: ler_wpM2l => //; have [_ hm] := ok j (ltn_ord j).
  by rewrite (nth_map no_vertex) ?hs.
rewrite -eo; clear eo t0 r0; split; first by rewrite size_mkseq.
set r := open_ c; set K := size r.
have head_ : (0 < d)%N -> size (drop d (coordinates (nth no_vertex (vertices c) 0))) = n.
  by move=> d0; have [h _] := ok 0%N d0; rewrite size_drop h addKn.
pose ends j := ends_of s' (mkseq (fun l => map (fun t : Checker.point => nth Z0 t.1 l) r) n)
  (map (fun t : Checker.point => chord_of c t.2) r) (map (fun t : Checker.point => nth Z0 t.2 j) r) (drop d (row_at_ c j)).
have sj (j : 'I_d) : size (drop d (row_at_ c j)) = n.
  by have [h _] := ok j (ltn_ord j); rewrite size_drop /row_at_ h addKn.
apply: (@le_trans _ _ (\sum_(j < d) a j * (\sum_(l < n) at_ (ends j) l * p2 e * `|v l 0|))); last first.
  apply: ler_sum => j _; apply: ler_wpM2l => //.
  have d0 : (0 < d)%N by apply: leq_ltn_trans (ltn_ord j).
  rewrite nth_mkseq // (head_ d0) -/(row_at_ c j) -/(ends j).
  have -> : \sum_(l < n) at_ (ends j) l * p2 e * `|v l 0|
      = \sum_(l < n) at_ (ends j) l * p2 e * (\col_l `|v l 0| : 'cV[R]_n) l 0.
    by apply: eq_bigr => l _; rewrite mxE.
  have <- : norm (normv p') (\col_l `|v l 0| : 'cV[R]_n) = norm (normv p') v.
    by apply: norm_sizes => l; rewrite mxE normr_id.
  apply: root_dual; first by move=> l l'; rewrite mxE.
  by rewrite size_zip_with sj size_mkseq minnn.
have -> : \sum_(j < d) a j * (\sum_(l < n) at_ (ends j) l * p2 e * `|v l 0|)
    = \sum_(l < n) (\sum_(j < d) a j * at_ (ends j) l) * p2 e * `|v l 0|.
  under eq_bigr do rewrite mulr_sumr; rewrite exchange_big; apply: eq_bigr => l _.
  by rewrite !mulr_suml; apply: eq_bigr => j _; rewrite !mulrA.
apply: ler_sum => l _; pose pt (i : nat) : Checker.point := nth ([::], [::]) r i.
pose W i := at_ (pt i).1 l; pose A i j := at_ (pt i).2 j; pose S i := zr (chord_of c (pt i).2) / zr steep.
have S01 i : 0 <= S i <= 1 := chord_ofE c _.
pose H j := at_ (row_at_ c j) (d + l).
have yE : y l 0 = (\sum_(j < d) a j * H j + \sum_(i < K) Network.pos (\sum_(j < d) a j * A i j) * W i) * p2 e.
  rewrite hy mulrDl; congr (_ + _); first by rewrite mulr_suml; apply: eq_bigr => j _; rewrite mulrA.
  rewrite -/r (big_nth ([::], [::])) big_mkord mulr_suml; apply: eq_bigr => i _.
  by rewrite /adds /met_ mulrA.
have nth_h j : at_ (drop d (row_at_ c j)) l = H j by rewrite /H /at_ nth_drop.
have pull (F : nat -> nat -> R) : \sum_(j < d) a j * (H j + \sum_(i < K) F i j)
    = \sum_(j < d) a j * H j + \sum_(i < K) \sum_(j < d) a j * F i j.
  rewrite exchange_big -big_split; apply: eq_bigr => j _; by rewrite mulrDr mulr_sumr.
have up : s' <> NonPositive -> y l 0 <= (\sum_(j < d) a j * at_ (ends j) l) * p2 e.
  move=> sn; rewrite yE ler_wpM2r ?p2_ge0 //.
  apply: (@le_trans _ _ (\sum_(j < d) a j * (H j + \sum_(i < K)
      (Num.max (W i) 0 * Num.max (A i j) 0 + Num.min (W i) 0 * (A i j * S i))))).
    rewrite (pull (fun i j => Num.max (W i) 0 * Num.max (A i j) 0 + Num.min (W i) 0 * (A i j * S i))).
    by rewrite lerD2l; apply: ler_sum => i _; exact: bent_above (A i) _ _ a0 (S01 i).
  apply: ler_sum => j _; apply: ler_wpM2l => //; have [_ _ h _] := endsE c j l (sj j).
  by rewrite -nth_h; exact: h.
have down : s' <> NonNegative -> - ((\sum_(j < d) a j * at_ (ends j) l) * p2 e) <= y l 0.
  move=> sn; rewrite yE -mulNr ler_wpM2r ?p2_ge0 //.
  apply: (@le_trans _ _ (\sum_(j < d) a j * (H j + \sum_(i < K)
      (Num.min (W i) 0 * Num.max (A i j) 0 + Num.max (W i) 0 * (A i j * S i))))); last first.
    rewrite (pull (fun i j => Num.min (W i) 0 * Num.max (A i j) 0 + Num.max (W i) 0 * (A i j * S i))).
    by rewrite lerD2l; apply: ler_sum => i _; exact: bent_below (A i) _ _ a0 (S01 i).
  rewrite -sumrN; apply: ler_sum => j _; rewrite -mulrN; apply: ler_wpM2l => //.
  by have [_ _ _ h] := endsE c j l (sj j); rewrite -nth_h lerNl; exact: h.
have M0 : 0 <= \sum_(j < d) a j * at_ (ends j) l.
  by apply: sumr_ge0 => j _; rewrite mulr_ge0 //; have [_ h _ _] := endsE c j l (sj j).
have M1 : 0 <= (\sum_(j < d) a j * at_ (ends j) l) * p2 e by rewrite mulr_ge0 ?p2_ge0.
move: (_ * p2 e) M1 up down => M M1 up down; have [->|v1] := eqVneq (v l 0) 0; first by rewrite normr0 !mulr0.
have [v0|/ltW v0] := leP 0 (v l 0).
  rewrite ger0_norm // ler_wpM2r //; apply: up => es; move: mv; rewrite es => /(_ l 0).
  by rewrite leNgt lt_def v1 v0.
rewrite ler0_norm // mulrN -mulNr ler_wnM2r //; apply: down => es; move: mv; rewrite es => /(_ l 0).
by rewrite leNgt lt_def eq_sym v1 v0.
Qed.

Lemma under_slopeE c bounds x t a : in_cone c -> combined c a -> size bounds = d ->
  \sum_l y l 0 * v l 0 <= \sum_(j < d) a j * (zr (nth Z0 bounds j) * p2 (Z.sub e bits) * norm (normv p') v) ->
  under_slope d p s e c bounds x = Some t -> \sum_l y l 0 * v l 0 <= dv t * (norm (normv p) z * norm (normv p') v).
Proof.
move=> [hs ok _ _] [a0 hz _] sb hb; rewrite /under_slope; case et: (tilt _ _ _) => [t0 deep].
have st : (size t0 <= d)%N by move: et => [<- _]; rewrite size_take; case: ltnP.
case: ifP => // /andP[deep0 test] [<-].
set u := Z.sub (Z.sub e bits) deep; have nv := norm_ge0 v (norm_okE hp').
have [D0 h] := dual_squareE None s u hp st; move: D0 h; move: (dual_square _ _ _ _) => D D0 h.
have := root_upP D0; move: (root_up _) => r [r0 hr].
apply: le_trans hb _.
apply: (@le_trans _ _ (\sum_(j < d) a j * (\sum_(l < d) at_ t0 l * p2 u * at_ (row_at_ c j) l * norm (normv p') v))).
  apply: ler_sum => j _; apply: ler_wpM2l => //; rewrite -mulr_suml ler_wpM2r //.
  have := all2_nth Z0 no_vertex test (_ : (j < size bounds)%N); rewrite sb => /(_ (ltn_ord j)).
  rewrite -zr_le zr_shift // (dotzE Z0 _ st) zr0 add0r => le_.
  have -> : zr (nth Z0 bounds j) * p2 (Z.sub e bits) = zr (nth Z0 bounds j) * p2 deep * p2 u.
    by rewrite /u [p2 (Z.sub _ deep)]p2B; field; rewrite gt_eqF ?p2_gt0.
  apply: le_trans (ler_wpM2r (p2_ge0 u) le_) _; rewrite le_eqVlt; apply/orP; left; apply/eqP.
  by rewrite mulr_suml; apply: eq_bigr => l _; rewrite mulrAC.
have -> : \sum_(j < d) a j * (\sum_(l < d) at_ t0 l * p2 u * at_ (row_at_ c j) l * norm (normv p') v)
    = (\sum_(l < d) at_ t0 l * p2 u * z l 0) * norm (normv p') v.
  rewrite (eq_bigr (fun j : 'I_d => \sum_(l < d) a j * (at_ t0 l * p2 u * at_ (row_at_ c j) l * norm (normv p') v))).
    rewrite exchange_big mulr_suml; apply: eq_bigr => l _; rewrite hz mulr_sumr mulr_suml.
    by apply: eq_bigr => j _; ring.
  by move=> j _; rewrite mulr_sumr.
rewrite mulrA ler_wpM2r //.
have le_ : zr D * (p2 u * p2 u) <= dv (Dy r u) ^+ 2.
  by rewrite /dv /= exprMn -expr2 ler_wpM2r ?sqr_ge0.
apply: (dual_le (s := s)) => //; first exact: norm_okE.
  by rewrite /dv /= mulr_ge0 ?p2_ge0 // -zr0 zr_le.
exact: dual_more le_ h.
Qed.

Lemma cone_endE c u t : in_cone c -> cone_end d p p' s s' e c u = Some t ->
  \sum_l y l 0 * v l 0 <= dv t * (norm (normv p) z * norm (normv p') v).
Proof.
move=> hc; have [_ _ _ [a ha]] := hc; have [sb hb] := boundsE hc ha; rewrite /cone_end.
move: (bounds_of _ _ _ _) sb hb => bounds sb hb; have go x t' := under_slopeE (x := x) (t := t') hc ha sb hb.
have one a1 b1 : smaller a1 b1 = Some t -> a1 = Some t \/ b1 = Some t.
  case: a1 => [a2|]; case: b1 => [b2|] //= h; last by right.
    by move: h; rewrite /dmin; case: ifP => _ h; [left|right].
  by left.
by move=> /one [/one [|]|]; exact: go.
Qed.

(* the root: z in the orthant of these signs *)
Lemma orthantE h points signs : (forall j, (j < d)%N -> size (nth [::] h j) = n) -> size signs = d ->
  all (fun t : Checker.point => size t.1 == n) points ->
  (forall l, y l 0 = \sum_(j < d) z j 0 * (at_ (nth [::] h j) l * p2 e)
    + \sum_(t <- points) Network.pos (\sum_(j < d) z j 0 * at_ t.2 j) * (at_ t.1 l * p2 e)) ->
  (forall j : 'I_d, zr (nth Z0 signs j) * `|z j 0| = z j 0) -> in_cone (orthant d p p' s' h points signs).
Proof.
move=> hh ss sized ey hz; rewrite /orthant; apply: straightenE.
pose x j := map (Z.mul (nth Z0 signs j)) (unit_vector d j ++ nth [::] h j).
set c := Cone _ _ _.
have sx j : (j < d)%N -> size (x j) = (d + n)%N.
  by move=> hj; rewrite size_map size_cat size_mkseq hh.
have vE j : (j < d)%N -> nth no_vertex (vertices c) j = vertex_of d p p' s' (x j).
  by move=> hj; rewrite (nth_map (no_vertex, ([::], Z0))) ?size_mkseq // nth_mkseq.
have rowE j : (j < d)%N -> row_at_ c j = x j by move=> hj; rewrite /row_at_ vE.
have here (j : 'I_d) l : (l < d)%N -> at_ (x j) l = zr (nth Z0 signs j) * (j == l :> nat)%:R.
  move=> hl; rewrite /at_ /x (nth_map Z0) ?size_cat ?size_mkseq ?ltn_addr // zrM nth_cat size_mkseq hl.
  rewrite nth_mkseq // (_ : eqn j l = (j == l :> nat)) //; by case: (_ == _).
have there (j : 'I_d) (l : 'I_n) : at_ (x j) (d + l) = zr (nth Z0 signs j) * at_ (nth [::] h j) l.
  rewrite /at_ /x (nth_map Z0) ?size_cat ?size_mkseq ?hh ?ltn_add2l // zrM nth_cat size_mkseq.
  by rewrite ltnNge leq_addr /= addKn.
split.
- by rewrite size_map size_mkseq.
- by move=> j hj; rewrite (vE j hj); apply: vertex_ofE; exact: sx.
- by rewrite all_map; exact: sized.
pose a j := if insub j is Some i then `|z (i : 'I_d) 0| else 0.
have aE (j : 'I_d) : zr (nth Z0 signs j) * a j = z j 0 by rewrite /a valK.
exists a; split=> [j|l|l].
- by rewrite /a; case: insub.
- rewrite (bigD1 l) //= rowE // here // eqxx mulr1 mulrC aE big1 ?addr0 // => j jl.
  by rewrite rowE // here // val_eqE (negbTE jl) !mulr0.
rewrite ey; congr (_ + _).
  apply: eq_bigr => j _; rewrite rowE // there -(aE j); ring.
rewrite big_map; apply: eq_bigr => t _; rewrite /adds /met_ /=; congr (Network.pos _ * _).
apply: eq_bigr => j _; rewrite -(aE j); have [hj|hj] := ltnP j (size t.2).
  rewrite [in RHS]/at_ (nth_zip_with _ _ Z0 Z0) ?ss // zrM /at_; ring.
rewrite /at_ (nth_default _ hj) [nth _ (zip_with _ _ _) _]nth_default ?zr0 ?mulr0 //.
by rewrite size_zip_with geq_min hj orbT.
Qed.

Lemma forest_worst (T : eqType) (make : T -> cone) proved roots trees b r (le_ : R -> Prop) : r \in roots -> in_cone (make r) ->
  (forall x x', x <= x' -> le_ x -> le_ x') -> (forall c u t, in_cone c -> proved r c u = Some t -> le_ (dv t)) ->
  forest d p p' s' make proved roots trees = Some b -> le_ (dv b).
Proof.
move=> hr hc more ends_; elim: roots trees b hr => [|r' roots IH] [|t trees] b //=.
case e1: (worst _ _ _ _ _) => [x|] //; case e2: (forest _ _ _ _ _ _ _ _) => [x'|] //.
rewrite inE => /orP[/eqP er|hr] [<-]; rewrite dv_max.
  rewrite -er in e1.
  apply: (more (dv x)); first by rewrite le_max lexx.
  apply: (worstE (P := in_cone) (le_ := le_)) hc e1.
  - exact: more.
  - by move=> c ij c' c'' h1 h2; exact: halvesE h1 h2.
  - by [].
  - by move=> c u x0; exact: ends_.
by apply: (more (dv x')); [rewrite le_max lexx orbT|exact: IH e2].
Qed.

Lemma forestE (T : eqType) (make : T -> cone) roots trees b r : r \in roots -> in_cone (make r) ->
  forest d p p' s' make (fun _ => cone_end d p p' s s' e) roots trees = Some b ->
  \sum_l y l 0 * v l 0 <= dv b * (norm (normv p) z * norm (normv p') v).
Proof.
move=> hr hc; have nn : 0 <= norm (normv p) z * norm (normv p') v by rewrite mulr_ge0 ?norm_ge0 //; exact: norm_okE.
apply: (forest_worst (le_ := fun x => \sum_l y l 0 * v l 0 <= x * (norm (normv p) z * norm (normv p') v)) hr hc) => [x x' le_ h|c u t].
  by apply: le_trans h _; rewrite ler_wpM2r.
exact: cone_endE.
Qed.
End Cones.

Lemma some_orthant (S : seq (seq Z)) (t : nat -> R) :
  (forall j, (j < size S)%N -> exists2 x, x \in nth [::] S j & zr x * `|t j| = t j) ->
  exists r, [/\ r \in foldr (fun x y => allpairs cons x y) [:: [::]] S, size r = size S
    & forall j, (j < size S)%N -> zr (nth Z0 r j) * `|t j| = t j].
Proof.
elim: S t => [|a S IH] t h /=; first by exists [::].
have [x hx ex_] := h 0%N isT; have [r [hr sr er]] := IH (fun j => t j.+1) (fun j => h j.+1).
exists (x :: r); split; [by apply: allpairs_f|by rewrite /= sr|].
by case=> [|j] hj //=; exact: er.
Qed.

Lemma nth_signs (k j : nat) (b : bool) (x x' : seq Z) : (j < k)%N ->
  nth [::] (if k is l.+1 then (if b then x else x') :: nseq l x' else [::]) j = if b && (j == 0)%N then x else x'.
Proof.
case: k j => [|l] [|j] //= hj; first by rewrite andbT.
by rewrite andbF nth_nseq (_ : (j < l)%N).
Qed.

(* an orthant of u, of those that are listed *)
Lemma orthant_of s (even : bool) k (u : 'cV_k) : meets s u -> (even -> forall i : 'I_k, i = 0 :> nat -> 0 <= u i 0) ->
  exists r, [/\ r \in orthants k s even, size r = k & forall j : 'I_k, zr (nth Z0 r j) * `|u j 0| = u j 0].
Proof.
move=> hu first_; rewrite /orthants; set S := (if k is _.+1 then _ else _).
have sS : size S = k by rewrite /S; case: (k) => //= l; rewrite size_nseq.
pose t j := if insub j is Some i then u (i : 'I_k) 0 else 0.
have tE (i : 'I_k) : t i = u i 0 by rewrite /t valK.
have [j|r [hr sr er]] := some_orthant (S := S) (t := t); last first.
  exists r; split; [exact: hr|by rewrite sr|] => i.
  by have := er i; rewrite sS tE; apply.
rewrite sS => hj; pose i := Ordinal hj; have <- : nat_of_ord i = j by [].
rewrite tE; have one_ : zr 1 = 1 by []. have mone : zr (Zneg xH) = -1 by [].
have pos : 0 <= u i 0 -> zr 1 * `|u i 0| = u i 0 by move=> h; rewrite one_ mul1r ger0_norm.
have neg : u i 0 <= 0 -> zr (Zneg xH) * `|u i 0| = u i 0.
  by move=> h; rewrite mone ler0_norm // mulN1r opprK.
have sign_ : exists2 x, x \in signs_of s & zr x * `|u i 0| = u i 0.
  case: (s) hu => /= hu.
  - by case: (leP 0 (u i 0)) => [h|/ltW h]; [exists (Zpos xH); [|exact: pos]|exists (Zneg xH); [|exact: neg]].
  - by exists (Zpos xH) => //; exact: pos.
  - by exists (Zneg xH) => //; exact: neg.
rewrite /S nth_signs //; case: ifP => [/andP[ev /eqP j0]|_]; last exact: sign_.
by exists (Zpos xH); [rewrite inE|apply: pos; exact: first_ ev i j0].
Qed.

Lemma conesE p p' s s' m n w trees b : norm_ok p m -> norm_ok p' n -> shape m n w -> cones p p' s s' m w trees = Some b ->
  forall (u : 'cV_m) (v : 'cV_n), meets s u -> meets s' v ->
  dot u (mx m n w *m v) <= dv b * (norm (normv p) u * norm (normv p') v).
Proof.
move=> hp hp' hw0 hb; have [hw <-] := lowestE hw0; have [hw1 hw2] := hw.
have main (u : 'cV_m) (v : 'cV_n) : meets s u -> meets s' v ->
    (is_even s s' -> forall i : 'I_m, i = 0 :> nat -> 0 <= u i 0) ->
    dot u (mx m n (lowest w) *m v) <= dv b * (norm (normv p) u * norm (normv p') v).
  move=> hu hv first_.
  have -> : dot u (mx m n (lowest w) *m v) = \sum_l ((mx m n (lowest w))^T *m u) l 0 * v l 0.
    by rewrite dotC dot_mull dotC dot_col.
  have [r [hr sr er]] := orthant_of hu first_; move: hb; rewrite /cones => hb.
  apply: (forestE (z := u) (y := (mx m n (lowest w))^T *m u) hp hp' hu hv hr _ hb).
  apply: (orthantE p hp' hv hw2 sr) => // l.
  rewrite big_nil addr0 [LHS]mxE; apply: eq_bigr => j _; rewrite !mxE mulrC; congr (_ * _).
move=> u v hu hv; case: (boolP (is_even s s')) => [ev|/negP ne]; last by apply: main.
have [h|h] : (forall i : 'I_m, i = 0 :> nat -> 0 <= u i 0) \/ (forall i : 'I_m, i = 0 :> nat -> u i 0 <= 0).
  case: (pickP (fun i : 'I_m => i == 0 :> nat)) => [i /eqP i0|no]; last first.
    by left=> i /eqP i0; have := no i; rewrite i0.
  have same (l : 'I_m) : l = 0 :> nat -> l = i by move=> l0; apply: val_inj; rewrite /= l0 i0.
  by case: (leP 0 (u i 0)) => [h|/ltW h]; [left|right] => l /same ->.
  by apply: main.
have := main (- u) (- v); rewrite !normN mulmxN -scaleN1r -[- (_ *m _)]scaleN1r dotZl dotZr mulrA mulrNN !mul1r.
apply.
- by move: ev; case: (s) => // ; case: (s').
- by move: ev; case: (s) => // ; case: (s').
- by move=> _ i /h; rewrite mxE mulN1r oppr_ge0.
Qed.

(* and of a hidden layer *)
Lemma layer_rootE m n k p' s' (below above_ ew ef t : Z) (f w : seq (seq Z)) kink signs
    (z : 'cV[R]_k) (v : 'cV[R]_n) : norm_ok p' n -> meets s' v ->
  shape m k (Grid f Z0) -> shape m n (Grid w Z0) -> size kink = k -> size signs = k ->
  (forall j : 'I_k, zr (nth Z0 signs j) * `|z j 0| = z j 0) ->
  zr above_ * p2 t = 1 - zr below * p2 t ->
  in_cone p' (Z.add (Z.add ew ef) t) z (\col_l \sum_(i < m) (at_ (nth [::] w i) l * p2 ew)
      * Network.act (zr below * p2 t)
          (\sum_(j < k) (at_ (nth [::] f i) j - at_ kink j) * p2 ef * z j 0)) v
    (layer_root mul k n p' s' below above_ f w (kink, signs)).
Proof.
move=> hp' hv hf hw hk hs hz ea; rewrite /layer_root; set g := map _ f; set h := gscale _ _.
set P := (X in filter X _); have [f1 f2] := hf; have [w1 w2] := hw; rewrite /= in f1 f2 w1 w2.
have hg : shape m k (Grid g Z0).
  split=> [|i hi] /=; first by rewrite size_map.
  by rewrite (nth_map [::]) ?f1 // size_zip_with f2 // hk minnn.
have [/= g1 g2] := hg.
have gE (i : 'I_m) j : (j < k)%N -> at_ (nth [::] g i) j = at_ (nth [::] f i) j - at_ kink j.
  move=> hj; rewrite /at_ (nth_map [::]) ?f1 // (nth_zip_with _ _ Z0 Z0) ?f2 ?hk // zrB //.
have [ht et] := transposeE hg; have [hw' ew'] := transposeE hw; have [hp ep] := productE ht hw'.
have [hh eh] := gscaleE (Dy below Z0) hp; rewrite -/h in hh eh.
have one_ : p2 Z0 = 1 by [].
have exh : ex h = Z0 by rewrite /h /= mulE.
have hE (j : 'I_k) (l : 'I_n) : at_ (nth [::] (ints h) j) l
    = zr below * \sum_(i < m) at_ (nth [::] g i) j * at_ (nth [::] w i) l.
  have := congr1 (fun M : 'M_(k, n) => M j l) eh; rewrite [LHS]mxE exh one_ mulr1 /entry_ -/(at_ _ _) => ->.
  rewrite [LHS]mxE dvE one_ mulr1 ep et ew' trmxK; congr (_ * _); rewrite mxE.
  by apply: eq_bigr => i _; rewrite !mxE /entry_ /= !one_ !mulr1.
pose r : seq Checker.point := zip_with (fun w f => (map (Z.mul above_) w, f)) w g.
have sr : size r = m by rewrite size_zip_with w1 g1 minnn.
have rE (i : 'I_m) : nth ([::], [::]) r i = (map (Z.mul above_) (nth [::] w i), nth [::] g i).
  by rewrite (nth_zip_with _ _ [::] [::]) ?w1 ?g1.
apply: (orthantE L2 hp' hv (proj2 hh) hs) => // [|l].
  rewrite all_filter; apply/(all_nthP ([::], [::])) => i; rewrite -/r sr => hi.
  by rewrite (rE (Ordinal hi)) /= size_map w2 // eqxx implybT.
have -> : \sum_(q <- filter P r) Network.pos (\sum_(j < k) z j 0 * at_ q.2 j)
      * (at_ q.1 l * p2 (Z.add (Z.add ew ef) t))
    = \sum_(q <- r) Network.pos (\sum_(j < k) z j 0 * at_ q.2 j) * (at_ q.1 l * p2 (Z.add (Z.add ew ef) t)).
  rewrite big_filter [RHS](bigID P) /= [X in _ = _ + X]big1 ?addr0 // => q /negPn /allP zero_.
  have -> : at_ q.1 l = 0.
    rewrite /at_; have [hl|hl] := ltnP l (size q.1); last by rewrite nth_default.
    by have /Z.eqb_eq <- := zero_ _ (mem_nth Z0 hl).
  by rewrite mul0r mulr0.
rewrite (big_nth ([::], [::])) sr big_mkord mxE.
have -> : \sum_(j < k) z j 0 * (at_ (nth [::] (ints h) j) l * p2 (Z.add (Z.add ew ef) t))
    = \sum_(i < m) (\sum_(j < k) z j 0 * at_ (nth [::] g i) j)
        * (zr below * at_ (nth [::] w i) l * p2 (Z.add (Z.add ew ef) t)).
  under [RHS]eq_bigr do rewrite mulr_suml; rewrite exchange_big; apply: eq_bigr => j _.
  rewrite hE mulrA mulrCA -mulrA; rewrite !mulr_sumr mulr_suml.
  by rewrite mulr_sumr; apply: eq_bigr => i _; ring.
rewrite -big_split; apply: eq_bigr => i _ /=; rewrite rE /=.
have -> : at_ (map (Z.mul above_) (nth [::] w i)) l = zr above_ * at_ (nth [::] w i) l.
  by rewrite /at_ (nth_map Z0) ?w2 // zrM.
have -> : \sum_(j < k) (at_ (nth [::] f i) j - at_ kink j) * p2 ef * z j 0
    = p2 ef * \sum_(j < k) z j 0 * at_ (nth [::] g i) j.
  by rewrite mulr_sumr; apply: eq_bigr => j _; rewrite gE //; ring.
rewrite (Network.actM _ _ (p2_ge0 ef)) Network.act_parts !p2D.
move: (\sum_(j < k) _) (zr above_) (zr below) (p2 t) (p2 ef) (p2 ew) ea => x y y' x1 x2 x3 ea.
move: (Network.pos x) => px; have -> : px * (y * at_ (nth [::] w i) l * (x3 * x2 * x1))
  = px * at_ (nth [::] w i) l * (x3 * x2) * (y * x1) by ring.
by rewrite ea; ring.
Qed.

Lemma forest_ge0 d p p' s' T (make : T -> cone) proved roots trees b :
  forest d p p' s' make proved roots trees = Some b -> 0 <= dv b.
Proof.
elim: roots trees b => [|r' roots' IH] [|t trees'] b //=; first by move=> [<-]; rewrite dv_zero.
case: (worst _ _ _ _ _) => [x|] //; case e2: (forest _ _ _ _ _ _ _ _) => [x'|] // [<-].
by rewrite dv_max le_max (IH _ _ e2) orbT.
Qed.

(* the value of a tensor at x in all modes, by x in an orthant and by what it is at the generators of its cone *)
Lemma times_signsE d r (x z : nat -> R) o a : size r = d -> (forall j, (j < d)%N -> zr (nth Z0 r j) * z j = x j) ->
  size a = (d ^ o)%N -> size (times_signs d o r a) = (d ^ o)%N /\ value_of d z o (times_signs d o r a) = value_of d x o a.
Proof.
move=> sr hr; elim: o a => [|o IH] a ha //; rewrite expnS in ha.
rewrite [times_signs _ _ _ _]/(flatten _); set c := chunks _ _ _; set l := zip_with _ _ _.
have sl : size l = d by rewrite size_zip_with sr size_chunks minnn.
have nl i : (i < d)%N -> nth [::] l i = map (Z.mul (nth Z0 r i)) (times_signs d o r (nth [::] c i)).
  by move=> hi; rewrite (nth_zip_with _ _ Z0 [::]) ?sr ?size_chunks.
have F i : (i < d)%N -> _ := fun hi => IH (nth [::] c i) (sized_chunks ha hi).
have sz : all (fun r => size r == (d ^ o)%N) l.
  by apply: (all_sized sl) => i hi; rewrite nl // size_map; case: (F i hi).
split; first by rewrite (size_flat sz) sl expnS.
rewrite value_flat // valueS; apply: eq_bigr => i _; rewrite nl // value_scale mulrA [z i * _]mulrC hr //; congr (_ * _).
by case: (F i (ltn_ord i)).
Qed.

Lemma combinationE d o (x : nat -> R) c rows : size c = size rows -> all (fun r => size r == (d ^ o)%N) rows ->
  size (combination (d ^ o) c rows) = (d ^ o)%N /\ value_of d x o (combination (d ^ o) c rows)
    = \sum_(i < size rows) at_ c i * value_of d x o (nth [::] rows i).
Proof.
elim: c rows => [|y c IH] [|r rows] //=.
  by move=> _ _; rewrite big_ord0 size_nseq value_zero.
move=> [sc] /andP[/eqP hr hs]; have [h1 h2] := IH _ sc hs.
split; first by rewrite size_zip_with size_map hr h1 minnn.
by rewrite value_add ?size_map // value_scale h2 big_ord_recl.
Qed.

Lemma at_verticesE d o g a (x z : nat -> R) : size g = d -> (forall i, (i < d)%N -> size (nth [::] g i) = d) ->
  (forall i, (i < d)%N -> z i = \sum_(j < d) x j * at_ (nth [::] g j) i) -> size a = (d ^ o)%N ->
  size (at_vertices d o g a) = (d ^ o)%N /\ value_of d x o (at_vertices d o g a) = value_of d z o a.
Proof.
move=> sg rg hz; elim: o a => [|o IH] a ha //; rewrite expnS in ha.
rewrite [at_vertices _ _ _ _]/(flatten _); set c := chunks _ _ _; set l := map _ _.
have sc : size c = d by exact: size_chunks.
have cs : all (fun r => size r == (d ^ o)%N) c by apply: (all_sized sc) => i hi; exact: sized_chunks.
have sl : size l = d by rewrite size_map.
have nl j : (j < d)%N -> nth [::] l j = at_vertices d o g (combination (d ^ o) (nth [::] g j) c).
  by move=> hj; rewrite (nth_map [::]) ?sg.
have C j : (j < d)%N -> _ := fun hj => @combinationE d o z (nth [::] g j) c ltac:(by rewrite rg // sc) cs.
have F j : (j < d)%N -> _ := fun hj => IH (combination (d ^ o) (nth [::] g j) c) (proj1 (C j hj)).
have sz : all (fun r => size r == (d ^ o)%N) l by apply: (all_sized sl) => j hj; rewrite nl //; case: (F j hj).
split; first by rewrite (size_flat sz) sl expnS.
rewrite value_flat //.
transitivity (\sum_(j < d) \sum_(i < d) x j * at_ (nth [::] g j) i * value_of d z o (nth [::] c i)).
  apply: eq_bigr => j _; rewrite nl //; case: (F j (ltn_ord j)) => _ ->; case: (C j (ltn_ord j)) => _ ->.
  by rewrite sc mulr_sumr; apply: eq_bigr => i _; rewrite mulrA.
by rewrite exchange_big valueS; apply: eq_bigr => i _; rewrite hz // mulr_suml.
Qed.

Lemma products_atE d o n (x : nat -> R) : size n = d -> all (Z.ltb Z0) n ->
  [/\ size (products_at o n) = (d ^ o)%N, all (Z.ltb Z0) (products_at o n)
    & value_of d x o (products_at o n) = (\sum_(j < d) x j * at_ n j) ^+ o].
Proof.
move=> sn pos; elim: o => [|o [h1 h2 h3]]; first by split.
rewrite [products_at _ _]/(flatten _); set y := products_at o n in h1 h2 h3 *; set l := map _ n.
have sl : size l = d by rewrite size_map.
have nl j : (j < d)%N -> nth [::] l j = map (Z.mul (nth Z0 n j)) y by move=> hj; rewrite (nth_map Z0) ?sn.
have sz : all (fun r => size r == (d ^ o)%N) l by apply: (all_sized sl) => j hj; rewrite nl // size_map.
split; first by rewrite (size_flat sz) sl expnS.
  apply/allP => t /flattenP[r /mapP[c hc ->] /mapP[b hb ->]].
  by have := allP pos _ hc; have := allP h2 _ hb; lia.
rewrite value_flat // exprS mulr_suml; apply: eq_bigr => j _; rewrite nl // value_scale h3 mulrA //.
Qed.

Lemma value_le d o (x : nat -> R) v w T : (forall i, 0 <= x i) -> size v = (d ^ o)%N -> size w = (d ^ o)%N ->
  (forall i, (i < d ^ o)%N -> at_ v i <= T * at_ w i) -> value_of d x o v <= T * value_of d x o w.
Proof.
move=> x0; elim: o v w => [|o IH] v w hv hw h; first exact: h.
rewrite expnS in hv hw h; rewrite !valueS mulr_sumr; apply: ler_sum => a _; rewrite mulrCA; apply: ler_wpM2l => //.
have [_ cv] := @chunksE d (d ^ o) v Z0 ltac:(by rewrite hv); have [_ cw] := @chunksE d (d ^ o) w Z0 ltac:(by rewrite hw).
apply: IH; rewrite ?sized_chunks // => i hi; rewrite /at_ cv // cw //; apply: h.
by apply: (@leq_trans (a.+1 * d ^ o)); [rewrite mulSn addnC ltn_add2r|rewrite leq_mul2r ltn_ord orbT].
Qed.

Lemma steeperE l t0 : Z.ltb Z0 t0.2 -> let t := foldl steeper t0 l in [/\ Z.ltb Z0 t.2,
  zr t0.1 / zr t0.2 <= zr t.1 / zr t.2
  & forall i, (i < size l)%N -> let e := nth (Z0, Z0) l i in Z.ltb Z0 e.2 -> zr e.1 <= zr t.1 / zr t.2 * zr e.2].
Proof.
elim: l t0 => [|e l IH] t0 pos /=; first by split.
have go : Z.ltb Z0 (steeper t0 e).2 /\ zr t0.1 / zr t0.2 <= zr (steeper t0 e).1 / zr (steeper t0 e).2
    /\ (Z.ltb Z0 e.2 -> zr e.1 <= zr (steeper t0 e).1 / zr (steeper t0 e).2 * zr e.2).
  have p0 : 0 < zr t0.2 by rewrite zr_pos.
  rewrite /steeper; case: ifP => [/andP[pe lt]|no].
    have pe' : 0 < zr e.2 by rewrite zr_pos.
    split=> //; split=> [|_]; last by rewrite divfK // gt_eqF.
    by rewrite ler_pdivrMr // mulrAC ler_pdivlMr // -!zrM zr_le; lia.
  split=> //; split=> // pe; move: no; rewrite pe /= => no.
  by rewrite mulrAC ler_pdivlMr // -!zrM zr_le; lia.
have [g1 [g2 g3]] := go; have [h1 h2 h3] := IH _ g1; split=> //; first exact: le_trans h2.
case=> [|i] hi /=; last exact: h3.
by move=> pe; apply: le_trans (g3 pe) _; rewrite ler_wpM2r // ltW // zr_pos.
Qed.

Lemma power_endE d o p a (z : 'cV[R]_d) (y v : 'cV[R]_0) e c u t : norm_ok p d -> meets NonNegative z -> size a = (d ^ o)%N ->
  in_cone L2 e z y v c -> power_end d o p a c u = Some t -> value_of d (number z) o a <= dv t * norm (normv p) z ^+ o.
Proof.
move=> hp mz ha [hs ok _ [x [x0 hz _]]]; rewrite /power_end; set n := map long_ _; case et: (tilt _ _ _) => [t0 deep].
case: ifP => // /and3P[pos deep0 test] [<-]; set g := map _ (vertices c).
have sn : size n = d by rewrite size_map. have sg : size g = d by rewrite size_map.
have gE j : (j < d)%N -> nth [::] g j = take d (row_at_ c j) by move=> hj; rewrite (nth_map no_vertex) ?hs.
have rs j : (j < d)%N -> size (row_at_ c j) = d by move=> hj; case: (ok j hj); rewrite addn0.
have num_ i : (i < d)%N -> number z i = \sum_(j < d) x j * at_ (nth [::] g j) i.
  move=> hi; rewrite (number_ord z (Ordinal hi)) hz; apply: eq_bigr => j _.
  by rewrite gE // take_oversize // rs.
have [|h1 <-] := at_verticesE (o := o) sg _ num_ ha; first by move=> i hi; rewrite gE // size_takel // rs.
have [h2 p2_ h3] := products_atE o x sn pos.
set As := at_vertices _ _ _ _ in h1 *; set Ns := products_at _ _ in h2 p2_ h3 *.
have [q0 q1 q2] := @steeperE (zip As Ns) (Z0, Zpos xH) isT; set best := foldl _ _ _ in q0 q1 q2 *.
set b := Z.add guard _; have b0 : Z.leb 0 b by rewrite /b /guard; have := Z.log2_nonneg best.2; lia.
set T := dv (Dy (ceil_div (Z.shiftl best.1 b) best.2) (Z.opp b)).
have qT : zr best.1 / zr best.2 <= T.
  have -> : zr best.1 / zr best.2 = (zr (Z.shiftl best.1 b) / zr best.2) * p2 (Z.opp b).
    by rewrite zr_shift // p2N; field; rewrite !gt_eqF ?p2_gt0 // zr_pos.
  by rewrite ler_wpM2r ?p2_ge0 // ceil_divE.
have T0 : 0 <= T by apply: le_trans qT; apply: le_trans q1; rewrite zr0 mul0r.
have le1 : value_of d x o As <= T * value_of d x o Ns.
  apply: value_le => // i hi; have := q2 i; rewrite size_zip h1 h2 minnn => /(_ hi); rewrite nth_zip ?h1 ?h2 //=.
  have pn : Z.ltb Z0 (nth Z0 Ns i) by apply: (all_nthP Z0 p2_); rewrite h2.
  by move=> /(_ pn) h; apply: le_trans h _; rewrite ler_wpM2r // ltW // zr_pos.
apply: le_trans le1 _; rewrite h3 dvM powerE -mulrA ler_wpM2l // -exprMn; set S := \sum_(j < d) _.
have S0 : 0 <= S.
  apply: sumr_ge0 => j _; apply: mulr_ge0 => //; rewrite -zr0 zr_le.
  by have := all_nthP Z0 pos j; rewrite sn => /(_ (ltn_ord j)); lia.
suff le2 : S <= dv (Dy (ceil_div (root_up (dual_square None p NonNegative t0)) (Z.shiftl 1 deep)) Z0) * norm (normv p) z.
  by apply: lerXn2r; rewrite // nnegrE // (le_trans S0 le2).
have st : (size t0 <= d)%N by move: et => [<- _]; rewrite size_take; case: ltnP.
have [D0 h] := dual_squareE None NonNegative Z0 hp st; move: D0 h; move: (dual_square _ _ _ _) => D D0 h.
have := root_upP D0; move: (root_up _) => r [r0 hr].
have nz := norm_ge0 z (norm_okE hp).
have one_ : p2 Z0 = 1 by []. have pd : Z.ltb 0 (Z.shiftl 1 deep) by rewrite -zr_pos zr_shift // mul1r p2_gt0.
have up : zr r / p2 deep <= dv (Dy (ceil_div r (Z.shiftl 1 deep)) Z0).
  by rewrite dvE one_ mulr1; have := ceil_divE r pd; rewrite zr_shift // mul1r.
apply: le_trans (ler_wpM2r nz up); rewrite mulrAC ler_pdivlMr ?p2_gt0 //.
apply: (@le_trans _ _ (\sum_(l < d) at_ t0 l * p2 Z0 * z l 0)); last first.
  apply: (dual_le (s := NonNegative)) => //; first exact: norm_okE.
    by rewrite -zr0 zr_le.
  by apply: dual_more h; rewrite one_ !mulr1.
rewrite mulr_suml; apply: (@le_trans _ _ (\sum_(j < d) x j * \sum_(l < d) at_ t0 l * at_ (row_at_ c j) l)).
  apply: ler_sum => j _; rewrite -mulrA; apply: ler_wpM2l => //.
  have := all2_nth Z0 no_vertex test (_ : (j < size n)%N); rewrite sn => /(_ (ltn_ord j)).
  by rewrite -zr_le zr_shift // (dotzE Z0 _ st) zr0 add0r.
rewrite le_eqVlt; apply/orP; left; apply/eqP; under eq_bigr do rewrite mulr_sumr.
rewrite exchange_big; apply: eq_bigr => l _; rewrite hz one_ mulr1 mulr_sumr; apply: eq_bigr => j _.
ring.
Qed.

Lemma value_neg d o (x : nat -> R) w : ~~ odd o -> value_of d (fun i => - x i) o w = value_of d x o w.
Proof.
move=> ev; suff -> : value_of d (fun i => - x i) o w = (-1) ^+ o * value_of d x o w.
  by rewrite -signr_odd (negbTE ev) mul1r.
elim: o {ev} w => [|o IH] w; first by rewrite mul1r.
by rewrite !valueS exprS mulr_sumr; apply: eq_bigr => a _; rewrite IH; ring.
Qed.

Lemma value_ext d o (x y : nat -> R) w : (forall i, (i < d)%N -> x i = y i) -> value_of d x o w = value_of d y o w.
Proof. by move=> h; elim: o w => [|o IH] w //; rewrite !valueS; apply: eq_bigr => a _; rewrite IH h. Qed.

Lemma over_powersE d o p s a trees b : norm_ok p d -> size a = (d ^ o)%N -> over_powers d o p s a trees = Some b ->
  0 <= dv b /\ forall u : 'cV_d, meets s u -> value_of d (number u) o a <= dv b * norm (normv p) u ^+ o.
Proof.
move=> hp ha hb; split; first exact: forest_ge0 hb.
have main (u : 'cV_d) : meets s u -> (~~ odd o && is_free s -> forall i : 'I_d, i = 0 :> nat -> 0 <= u i 0) ->
    value_of d (number u) o a <= dv b * norm (normv p) u ^+ o.
  move=> hu first_; have [r [hr sr er]] := orthant_of hu first_.
  pose z : 'cV[R]_d := \col_i `|u i 0|; pose y : 'cV[R]_0 := 0.
  have mz : meets NonNegative z by move=> i j; rewrite mxE normr_ge0.
  have <- : norm (normv p) z = norm (normv p) u by apply: norm_sizes => i; rewrite mxE normr_id.
  have hz j : (j < d)%N -> zr (nth Z0 r j) * number z j = number u j.
    by move=> hj; rewrite (number_ord z (Ordinal hj)) (number_ord u (Ordinal hj)) mxE; exact: (er (Ordinal hj)).
  have [sa <-] := times_signsE sr hz ha.
  have root_ : in_cone L2 Z0 z y y (orthant d p L2 Free (nseq d [::]) [::] (nseq d (Zpos xH))).
    apply: (orthantE (v := y) p (p' := L2) isT (s' := Free) I) => //.
    - by move=> j hj; rewrite nth_nseq hj.
    - by rewrite size_nseq.
    - by case.
    by move=> j; rewrite nth_nseq ltn_ord mul1r mxE normr_id.
  pose le_ x := value_of d (number z) o (times_signs d o r a) <= x * norm (normv p) z ^+ o.
  apply: (forest_worst (p' := L2) (s' := Free) (e := Z0) (z := z) (y := y) (v := y) (le_ := le_) hp isT I hr root_ _ _ hb).
    by move=> x x' le1 h; apply: le_trans h _; rewrite ler_wpM2r // exprn_ge0 // norm_ge0 //; exact: norm_okE.
  by move=> c t x hc; exact: (power_endE hp mz sa hc).
move=> u hu; case: (boolP (~~ odd o && is_free s)) => [/andP[ev fr]|/negP ne]; last by apply: main.
have [h|h] : (forall i : 'I_d, i = 0 :> nat -> 0 <= u i 0) \/ (forall i : 'I_d, i = 0 :> nat -> u i 0 <= 0).
  case: (pickP (fun i : 'I_d => i == 0 :> nat)) => [i /eqP i0|no]; last first.
    by left=> i /eqP i0; have := no i; rewrite i0.
  have same (l : 'I_d) : l = 0 :> nat -> l = i by move=> l0; apply: val_inj; rewrite /= l0 i0.
  by case: (leP 0 (u i 0)) => [h|/ltW h]; [left|right] => l /same ->.
  by apply: main.
rewrite -normN -(value_neg _ _ _ ev); have -> : value_of d (fun i => - number u i) o a = value_of d (number (- u)) o a.
  by apply: value_ext => i hi; rewrite (number_ord u (Ordinal hi)) (number_ord (- u) (Ordinal hi)) mxE.
apply: main => [|_ i /h]; last by rewrite mxE oppr_ge0.
by move: fr; case: (s).
Qed.

Lemma fine_rowsE m k d f : shape m k f -> (d <= k)%N -> shape m d (Grid (fine_rows d f) Z0) /\
  forall i j, (i < m)%N -> (j < d)%N -> at_ (nth [::] (fine_rows d f) i) j * p2 (Z.sub (ex (lowest f)) finer)
    = zr (entry_ f i j) * p2 (ex f).
Proof.
move=> hf dk; have [[h1 h2] eh] := lowestE hf; split.
  split=> [|i hi] /=; first by rewrite size_map.
  rewrite (nth_map [::]) ?h1 // size_map size_take h2 //.
  by have [//|kd] := ltnP d k; apply/eqP; rewrite eqn_leq kd dk.
move=> i j hi hj; have jk : (j < k)%N := leq_trans hj dk.
have := congr1 (fun M : 'M_(m, k) => M (Ordinal hi) (Ordinal jk)) eh; rewrite !mxE /= => <-.
rewrite /at_ (nth_map [::]) ?h1 // (nth_map Z0) ?nth_take ?size_take ?h2 //.
  rewrite zr_shift // /entry_ p2B; field; rewrite gt_eqF //; exact: p2_gt0.
by case: (ltnP d k).
Qed.

Lemma layer_cones_ge0 n k free p' s' f a w trees b :
  layer_cones mul n k free p' s' f a w trees = Some b -> 0 <= dv b.
Proof. exact: forest_ge0. Qed.

Lemma layer_conesE m n k free p' s' f a w trees b kink (d := priced_inputs free k) (z : 'cV_d) (v : 'cV_n) :
  norm_ok p' n -> shape m k f -> shape m n w -> layer_cones mul n k free p' s' f a w trees = Some b -> meets s' v ->
  0 <= dv b /\ (kink \in kinks_of free d (fine_rows d f) -> size kink = d ->
    \sum_(i < m) Network.act (dv a) (\sum_(j < d) (at_ (nth [::] (fine_rows d f) i) j - at_ kink j)
          * p2 (Z.sub (ex (lowest f)) finer) * z j 0) * (mx m n w *m v) i 0
    <= dv b * (norm L2 z * norm (normv p') v)).
Proof.
move=> hp' hf hw0; have [hw ew] := lowestE hw0; rewrite -ew; move: hw; clear ew hw0; rewrite /layer_cones -/d.
move: (lowest w) => w' hw; set x := lowest (Grid _ _); set t := Z.min _ _; set below := lift _ _ _.
have ea : zr below * p2 t = dv a.
  have hx : shape 1 1 (Grid [:: [:: num a]] (dex a)) by split=> [|[|i]].
  have [_ ex_] := lowestE hx; rewrite -/x in ex_; have := congr1 (fun M : 'M_1 => M 0 0) ex_.
  rewrite !mxE => h; apply: etrans h; apply: liftE; rewrite /t; lia.
set above_ := Z.sub (Z.shiftl _ _) _; have t0 : Z.leb Z0 (Z.opp t) by rewrite /t; lia.
have eb : zr above_ * p2 t = 1 - zr below * p2 t.
  by rewrite zrB zr_shift // p2N mulrBl -mulrA mulVf ?mulr1 // gt_eqF // p2_gt0.
clearbody above_ below; clear t0; clearbody t; move: above_ below t eb ea => above_ below t eb ea hb hv; have b0 := forest_ge0 hb.
split=> // hk sk; have dk : (d <= k)%N by rewrite /d /priced_inputs; case: (free); rewrite // leq_pred.
have [hr _] := fine_rowsE hf dk; move: hb.
case: (boolP (zeros w')) => [zw|nz].
  rewrite (zerosE _ _ zw) mul0mx big1 => [|i _]; last by rewrite [X in _ * X]mxE mulr0.
  by move=> _; apply: mulr_ge0; [exact: b0|apply: mulr_ge0; [exact: l2_ge0|exact: norm_ge0 (norm_okE hp')]].
have [signs [h1 h2 h3]] := @orthant_of Free false d z I (fun h => False_ind _ (notF h)).
have root_ : (kink, signs) \in layer_roots free d f s' w'.
  by rewrite /layer_roots (negbTE nz); apply: allpairs_f.
have hc := layer_rootE (ex w') (Z.sub (ex (lowest f)) finer) hp' hv hr hw sk h2 h3 eb.
move=> hb; have mz : meets Free z by [].
apply: le_trans (forestE (p := L2) isT hp' mz hv root_ hc hb); rewrite le_eqVlt; apply/orP; left; apply/eqP.
under [RHS]eq_bigr do rewrite mxE mulr_suml; rewrite exchange_big; apply: eq_bigr => i _.
rewrite [X in _ * X]mxE mulr_sumr; apply: eq_bigr => l _; rewrite ea [mx _ _ _ _ _]mxE /entry_ /at_; ring.
Qed.

Lemma kinks_in (x : seq Z) rows k : x \in rows -> x \in kinks_of true k rows.
Proof.
have same (y y' : seq Z) : all2 Z.eqb y y' -> y = y'.
  by elim: y y' => [|c y IH] [|c' y'] //= /andP[/Z.eqb_eq -> /IH ->].
rewrite /kinks_of mem_rev; suff go (l : seq (seq Z)) : (x \in rows) || (x \in l) ->
    x \in foldl (fun l x => if has (all2 Z.eqb x) l then l else x :: l) l rows.
  by move=> hx; apply: go; rewrite hx.
elim: rows l => [|y rows IH] l //=; rewrite inE => h; apply: IH.
case: (boolP (has _ l)) => [/hasP[y' hy' /same e]|_]; last by rewrite inE orbCA orbA.
by case/orP: h => [/orP[/eqP ->|->] //|->]; [rewrite e hy'|]; rewrite orbT.
Qed.

Lemma hidden_conesE m n k free p' s' f a w trees b (u : 'cV_k) (v : 'cV_n) :
  norm_ok p' n -> shape m k f -> shape m n w -> layer_cones mul n k free p' s' f a w trees = Some b -> meets s' v ->
  (free -> (exists c, mx m k f *m (\col_i (i.+1 == k)%N%:R) = const_mx c)
    /\ forall l, \sum_i mx m n w i l = 0) ->
  dot (map_mx (Network.act (dv a)) (mx m k f *m u)) (mx m n w *m v)
  <= dv b * (norm L2 (paid free u) * norm (normv p') v).
Proof.
move=> hp' hf hw hb hv; rewrite dot_col.
under eq_bigr => i _ do rewrite [map_mx _ _ _ _]mxE [(mx m k f *m u) _ _]mxE.
case: free hb => hb; last first.
  move=> _; have [_ h] := layer_conesE (free := false) (k := k) (nseq k Z0) u hp' hf hw hb hv.
  have -> : paid false u = u by apply/matrixP => i j; rewrite !mxE.
  have [_ fE] := fine_rowsE hf (leqnn k).
  apply: le_trans (h _ _); [|by rewrite inE eqxx|exact: size_nseq].
  rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => i _; congr (Network.act _ _ * _).
  apply: eq_bigr => j _; rewrite mulrBl fE // mxE.
  by rewrite /at_ nth_nseq if_same zr0 mul0r subr0.
case/(_ isT) => -[c ec] w0.
case: m hf hw hb ec w0 => [|m] hf hw hb ec w0.
  have [b0 _] := layer_conesE (free := true) (k := k) [::] 0 hp' hf hw hb hv.
  by rewrite big_ord0; apply: mulr_ge0; [exact: b0|apply: mulr_ge0; [exact: l2_ge0|exact: norm_ge0 (norm_okE hp')]].
case: k f u hf hb ec => [|k] f u hf hb ec.
  have [b0 _] := layer_conesE (free := true) (k := 0) [::] 0 hp' hf hw hb hv.
  rewrite big1 => [|i _]; last by rewrite big_ord0 /Network.act lexx mul0r.
  by apply: mulr_ge0; [exact: b0|apply: mulr_ge0; [exact: l2_ge0|exact: norm_ge0 (norm_okE hp')]].
pose wide := widen_ord (leqnSn k); pose z : 'cV[R]_k := \col_j u (wide j) 0.
have last_ i : mx m.+1 k.+1 f i ord_max = c.
  have := congr1 (fun M : 'cV_m.+1 => M i 0) ec; rewrite [RHS]mxE mxE (bigD1 ord_max) //= mxE eqxx mulr1.
  rewrite big1 ?addr0 // => j jk; rewrite mxE; case: eqP => [h|_]; last by rewrite mulr0.
  by case/eqP: jk; apply: val_inj; case: h.
pose F (i : 'I_m.+1) (j : 'I_k) := mx m.+1 k.+1 f i (wide j).
have sum0 : \sum_i (mx m.+1 n w *m v) i 0 = 0.
  under eq_bigr do rewrite mxE; rewrite exchange_big big1 // => l _.
  by rewrite -mulr_suml w0 mul0r.
have [kk hk] := @Network.free_bias_kink R _ _ F (fun=> c) (dv a) c ord0
  (fun i => (mx m.+1 n w *m v) i 0) (fun j => z j 0) (u ord_max 0) (fun=> erefl) sum0.
have [[/= hr1 hr2] fE] := fine_rowsE hf (leqnSn k).
have [_ h] := layer_conesE (free := true) (k := k.+1) (nth [::] (fine_rows k f) kk) z hp' hf hw hb hv.
rewrite -[Num.sqrt _]/(norm L2 (paid true u)).
have -> : norm L2 (paid true u) = norm L2 z.
  rewrite /norm; congr Num.sqrt; rewrite big_ord_recr /= mxE eqxx expr0n addr0.
  apply: eq_bigr => j _; rewrite !mxE /=; case: eqP => // -[e].
  by have := ltn_ord j; rewrite e ltnn.
apply: le_trans (h _ _); [|by apply: kinks_in; apply: mem_nth; rewrite hr1|by rewrite hr2].
apply: le_trans (le_trans hk _); rewrite le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => i _.
  rewrite mulrC; congr (_ * Network.act _ _); rewrite /Network.pre big_ord_recr /= last_; congr (_ + _).
  by apply: eq_bigr => j _; rewrite [z j 0]mxE.
have FE i' j : F i' j = at_ (nth [::] (fine_rows k f) i') j * p2 (Z.sub (ex (lowest f)) finer).
  by rewrite fE // /F mxE.
by rewrite mulrC; congr (Network.act _ _ * _); apply: eq_bigr => j _; rewrite !FE -mulrBl.
Qed.
Transparent root_up.

Section Question.
Variable d : data.
Hypothesis good : well_formed d.
Let q := meaning d.
Let Ym : shape (dm d) (dn d) (dY d). Proof. by case/and5P: good => /shapedP. Qed.
Let Cm : shape (dm d) (dn d) (dC d). Proof. by case/and5P: good => _ /shapedP. Qed.
Let c0 : nonneg (dC d). Proof. by case/and5P: good. Qed.

Lemma C0 i j : 0 <= C q i j.
Proof.
rewrite /q /= mxE mulr_ge0 ?p2_ge0 // -zr0 zr_le; exact: nonnegP Cm c0 (ltn_ord i) (ltn_ord j).
Qed.

Lemma l0 : 0 <= lam q. Proof. by case/and5P: good => _ _ _ _ /and5P[_]; rewrite dv_ge0. Qed.

Lemma norms_okE : norm_ok (dleft_norm d) (dinputs d) /\ norm_ok (dright_norm d) (dn d).
Proof. by case/and5P: good => _ _ _ _ /and5P[/andP[_ /and4P[]]]. Qed.
Lemma mode_norms_okE : size (dmode_norms d) = size (modes_of d) /\
  forall k, norm_ok (nth L2 (dmode_norms d) k) (nth (0%N, Free) (modes_of d) k).1.
Proof.
case/and5P: good => _ _ _ _ /and5P[/andP[_ /and4P[_ _ /eqnP e ok]]] _ _ _ _; split=> // k.
have [hk|hk] := ltnP k (size (modes_of d)); last by rewrite nth_default ?e.
by move: ok => /(all_nthP (L2, (0%N, Free)))/(_ k); rewrite size_zip e minnn nth_zip // => /(_ hk).
Qed.
Let normL : normed (left_norm q) (inputs q). Proof. by apply: norm_okE; have [] := norms_okE. Qed.
Let normR : normed (right_norm q) (n q). Proof. by apply: norm_okE; have [] := norms_okE. Qed.
Lemma normM k : normed (nth L2 (mode_norms q) k) (nth (0%N, Free) (tensor_modes q) k).1.
Proof.
have [e ok] := mode_norms_okE; have := norm_okE (ok k).
have [hk|hk] := ltnP k (size (dmode_norms d)); first by rewrite [mode_norms q]/(map normv _) (nth_map L2).
by rewrite [nth L2 (mode_norms q) k]nth_default ?size_map.
Qed.
Let L0 : 0 <= l1_left q /\ 0 <= l1_right q.
Proof. by case/and5P: good => _ _ _ _ /and5P[_ _ /andP[_ /andP[]]]; rewrite !dv_ge0. Qed.

Lemma ridgesE : [/\ shape (dn d) 1 (dP d), nonneg (dP d), shape (dm d) 1 (dQ d) & nonneg (dQ d)].
Proof. by case/and5P: good => _ _ _ _ /and5P[_ _ /andP[/and5P[/shapedP hp p0 /shapedP hq q0]]]. Qed.

Lemma designsE : let x := dX d in let p := left_width_ x in let k := right_width_ x in
  [/\ shape (dm d) p (xA x), shape (dn d) k (xB x), shape p k (xM x), shape p k (xP x) /\ nonneg (xP x)
    & shape p k (xR x) /\ nonneg (xR x)].
Proof.
case/and5P: good => _ _ _ _ /and5P[_ _ /andP[/and5P[_ _ _ _ +] _] _ _].
by case/and5P => /shapedP ha /shapedP hb /shapedP hm /andP[/shapedP hp p0] /andP[/shapedP hr r0].
Qed.

Lemma definedE : defined (loss q).
Proof.
case/and5P: good => _ _ _ _ /and5P[_ _ _]; rewrite /q /=; case: (dloss d) => //= x.
  by rewrite -zr_pos => h _; rewrite mulr_ge0 ?p2_ge0 // ltW.
case/andP; rewrite -zr_pos dv_lt => h0 h1 _; rewrite mulr_ge0 ?p2_ge0 ?(ltW h0) //=.
by apply/ltW; move: h1; rewrite /dv /zr /p2 /= mulr1.
Qed.

Lemma labelsE : labelled (loss q) -> forall i j, C q i j * (Y q i j ^+ 2 - 1) = 0.
Proof.
have -> : labelled (loss q) = labelled (dloss d) by rewrite /q /=; case: (dloss d).
case/and5P: good => _ _ _ _ /and5P[_ _ _ _]; rewrite /labels_ok => /andP[/andP[h _] _] hl; move: h; rewrite hl /= => h i j.
have [h1 e1] := entrywiseE Ym Ym; have [h2 e2] := filledE (dm d) (dn d).
have [h3 e3] := gsubE h1 h2; have [h4 e4] := entrywiseE Cm h3.
have {}h := congr1 (fun x : 'M[R]_(_, _) => x i j) (zerosE (dm d) (dn d) h).
rewrite [RHS]mxE e4 e3 e2 in h; rewrite -h; congr (_ * _); rewrite [RHS]mxE e1 expr2.
by congr (_ + _); rewrite !mxE.
Qed.

Lemma logistic_labelsE : logistic (loss q) -> forall i j, C q i j * (Y q i j * (Y q i j - 1)) = 0.
Proof.
have -> : logistic (loss q) = logistic (dloss d) by rewrite /q /=; case: (dloss d).
case/and5P: good => _ _ _ _ /and5P[_ _ _ _]; rewrite /labels_ok => /andP[/andP[_ h] _] hl; move: h; rewrite hl /= => h i j.
have [h2 e2] := filledE (dm d) (dn d); have [h3 e3] := gsubE Ym h2; have [h4 e4] := entrywiseE Ym h3.
have [h5 e5] := entrywiseE Cm h4.
have {}h := congr1 (fun x : 'M[R]_(_, _) => x i j) (zerosE (dm d) (dn d) h).
rewrite [RHS]mxE e5 e4 e3 e2 in h; rewrite -h; congr (_ * (_ * _)); rewrite [RHS]mxE.
by congr (_ + _); rewrite !mxE.
Qed.

Lemma counted_labelsE : counted (loss q) -> forall i j, 0 <= C q i j * Y q i j.
Proof.
have -> : counted (loss q) = counted (dloss d) by rewrite /q /=; case: (dloss d).
case/and5P: good => _ _ _ _ /and5P[_ _ _ _]; rewrite /labels_ok => /andP[_ h] hl; move: h; rewrite hl /= => h i j.
by have [h1 e1] := entrywiseE Cm Ym; have := meetsE (s := NonNegative) h1 h i j; rewrite e1.
Qed.

Lemma doubledE z : shape (dm d) (dn d) z -> shape (dm d) (dn d) (doubled d z) /\
  forall i j, mx (dm d) (dn d) (doubled d z) i j = (2 * Y q i j - 1) * mx (dm d) (dn d) z i j.
Proof.
move=> hz; have [h1 e1] := entrywiseE Ym hz; have [h2 e2] := gscaleE (Dy 2 Z0) h1; have [h3 e3] := gsubE h2 hz.
split=> // i j; have two : dv (Dy 2 Z0) = 2 by rewrite /dv /zr /p2 /= mulr1.
rewrite e3 [LHS]mxE e2 [(_ *: _ : 'M_(_, _)) _ _]mxE two e1 [(- _ : 'M_(_, _)) _ _]mxE.
by rewrite -[mx _ _ (dY d)]/(Y q) mulrBl mul1r mulrA.
Qed.

Lemma turned_E w : shape (dm d) (dn d) w -> shape (dm d) (dn d) (turned_ d w) /\
  forall i j, mx (dm d) (dn d) (turned_ d w) i j = turned (loss q) (Y q i j) (mx (dm d) (dn d) w i j).
Proof.
move=> hw; have -> l : turned (lossv l)
    = fun y w => if logistic l then (2 * y - 1) * w else if labelled l then y * w else w by case: l.
rewrite /turned_; case: (logistic _); first exact: doubledE.
by have [h1 e1] := entrywiseE Ym hw; case: (labelled _); split=> // i j; rewrite e1.
Qed.

Lemma P0 j : 0 <= ridge_a q 0 j.
Proof.
have [hp p0 _ _] := ridgesE; rewrite /q /= !mxE mulr_ge0 ?p2_ge0 // -zr0 zr_le.
exact: nonnegP hp p0 (ltn_ord j) (ltn_ord 0).
Qed.

Lemma Q0 i : 0 <= ridge_b q i 0.
Proof.
have [_ _ hq q0] := ridgesE; rewrite /q /= !mxE mulr_ge0 ?p2_ge0 // -zr0 zr_le.
exact: nonnegP hq q0 (ltn_ord i) (ltn_ord 0).
Qed.

Lemma X0 k l : 0 <= ridge_x q k l.
Proof. by have [_ _ _ [hp p0] _] := designsE; exact: (meetsE (s := NonNegative) hp p0). Qed.

Lemma R0 k l : 0 <= rho_x q k l.
Proof. by have [_ _ _ _ [hr r0]] := designsE; exact: (meetsE (s := NonNegative) hr r0). Qed.

(* the offsets that integers stand for *)
Definition offs (o : offsets_) : offsets q :=
  Offsets (q := q) (mx (dn d) 1 (oA o))^T (mx (dm d) 1 (oB o)) (mx _ _ (oX o)).
Definition offsets_shape (o : offsets_) : Prop :=
  [/\ shape (dn d) 1 (oA o), shape (dm d) 1 (oB o) & shape (left_width_ (dX d)) (right_width_ (dX d)) (oX o)].

Lemma ridgeE o : offsets_shape o -> dv (ridge_ d o) = ridge (offs o).
Proof.
move=> [ha hb hx]; have [hp _ hq _] := ridgesE; have [_ _ _ [hP _] [hR _]] := designsE.
have [hm em] := magnitudesE hx; rewrite dvD dv_half !dvD (squaresE hp ha) (squaresE hq hb) (squaresE hP hx) (innerE hR hm).
rewrite !mulrDl -[LHS]addrA /ridge; congr (_ + _ + _).
- by rewrite !mulr_suml; apply: eq_bigr => i _; rewrite big_ord1 /q /= ?mxE; ring.
- by rewrite !mulr_suml; apply: eq_bigr => i _; rewrite big_ord1 /q /= ?mxE; ring.
rewrite mulr_suml -big_split /=; apply: eq_bigr => k _; rewrite mulr_suml -big_split /=; apply: eq_bigr => l _.
by rewrite em mulrAC.
Qed.

(* a point: factors and offsets *)
Definition at_point r u v o : R := objective (q := q) (mx (dinputs d) r u) (mx (dn d) r v) (offs o).

Lemma offsetsE o : offsets_ok d o -> offsets_shape o /\
  [/\ ~~ columns q -> of_columns (offs o) = 0, ~~ rows q -> of_rows (offs o) = 0
    & forall k l, of_designs (offs o) k l = 0 \/ fitted_x q k l].
Proof.
case/and3P => /and4P[/shapedP ha /shapedP hb za zb] /shapedP hx sx; split=> //; split=> [nc|nr|k l].
- by move: za; rewrite -[dcolumns d]/(columns q) (negbTE nc) => /= /zerosE ->; rewrite trmx0.
- by move: zb; rewrite -[drows d]/(rows q) (negbTE nr) => /= /zerosE ->.
have := supportedP hx sx (ltn_ord k) (ltn_ord l); rewrite -mx_eq0 orbC => /orP[/eqP|]; [by left|by right].
Qed.

Lemma means_okE a b : means_ok d a b ->
  [/\ shape (dn d) 1 a, shape (dm d) 1 b, ~~ columns q -> (mx (dn d) 1 a)^T = 0
     & ~~ rows q -> mx (dm d) 1 b = 0].
Proof.
case/and4P => /shapedP ha /shapedP hb za zb; split=> // [nc|nr].
  by move: za; rewrite -[dcolumns d]/(columns q) (negbTE nc) => /= /zerosE ->; rewrite trmx0.
by move: zb; rewrite -[drows d]/(rows q) (negbTE nr) => /= /zerosE ->.
Qed.

Lemma residualsE z : shape (dm d) (dn d) z -> shape (dm d) (dn d) (residuals d z) /\
  forall i j, mx (dm d) (dn d) (residuals d z) i j
    = residual (loss q) (mx (dm d) (dn d) z i j) (Y q i j).
Proof.
move=> hz; have -> l : residual (lossv l) = fun z y =>
    if logistic l then (1 - 2 * y) * z else if labelled l then 1 - y * z else y - z by case: l.
rewrite /residuals; case: (logistic _).
  have [h1 e1] := doubledE hz; have [h2 e2] := gscaleE minus_one h1; split=> // i j.
  by rewrite e2 [LHS]mxE minus_oneE e1 mulN1r -mulNr opprB.
case: (labelled _).
  have [h1 e1] := filledE (dm d) (dn d); have [h2 e2] := entrywiseE Ym hz.
  have [h3 e3] := gsubE h1 h2; split=> // i j.
  by rewrite e3 e1 [LHS]mxE [const_mx _ _ _]mxE [(- _ : 'M_(_, _)) _ _]mxE e2.
have [h3 e3] := gsubE Ym hz; split=> // i j.
by rewrite e3 [LHS]mxE [(- _ : 'M_(_, _)) _ _]mxE.
Qed.

(* a hidden layer, or none *)
Lemma flatE : ddeep d = None -> is_tensor d = false -> flat q.
Proof.
move=> nd; rewrite /is_tensor /modes_of /flat /q /= nd.
by case: (dleft_modes d).
Qed.

Lemma hidden_plain (e : dinputs d = dm d) r (U : 'M_(dinputs d, r)) :
  ddeep d = None -> is_tensor d = false -> dlayer d = None -> hidden (q := q) U = castmx (e, erefl) U.
Proof.
move=> nd nt no; have [ep np] : dpatches d = dm d /\ dpool d = None.
  by case/and5P: (good) => _ _ _ _ /and5P[/andP[+ _] _ _ _ _]; rewrite /layer_ok nd nt no => /and4P[_ /eqnP -> _]; case: (dpool d).
have act1 (z : R) : act 1 z = z by rewrite /act mul1r if_same.
have [_ f2] := flatE nd nt.
apply/matrixP => i j; rewrite mxE f2 /q /= nd /largest_ /row_of_patch_ np (own_patch ep) mxE /= nd no act1.
exact: pid_cast.
Qed.

Lemma layerE f a : ddeep d = None -> is_tensor d = false -> dlayer d = Some (f, a) ->
  [/\ shape (dpatches d) (dinputs d) f, pool_ok d a
  & forall r (U : 'M_(dinputs d, r)),
    activations (q := q) U = map_mx (act (dv a)) (mx (dpatches d) (dinputs d) f *m U)].
Proof.
move=> nd nt e; case/and5P: (good) => _ _ _ _ /and5P[/andP[+ _] _ _ _ _]; rewrite /layer_ok nd nt e => /andP[/shapedP hf hp].
by split=> // r U; rewrite /activations /q /= nd e.
Qed.

(* a tensor *)
Lemma tensorE : ddeep d = None -> is_tensor d ->
  [/\ size_of (dleft_modes d) = dm d, size_of (dright_modes d) = dn d, (0 < size (dleft_modes d))%N /\ (0 < size (dright_modes d))%N,
    if done_vector d then all (eqn (dinputs d)) (map fst (modes_of d)) else eqn (sumn (map fst (modes_of d))) (dinputs d)
    & dlayer d = None].
Proof.
move=> nd ht; case/and5P: (good) => _ _ _ _ /and5P[/andP[+ _] _ _ _ _]; rewrite /layer_ok nd ht /tensor_ok.
case/and5P => /eqnP -> /eqnP -> /andP[/PeanoNat.Nat.ltb_lt/ssrnat.ltP h1 /PeanoNat.Nat.ltb_lt/ssrnat.ltP h2] h3.
by case: (dlayer d).
Qed.

Lemma number_en r u (j : 'I_r) k : shape (dinputs d) r u -> number (col j (mx (dinputs d) r u)) k = en u k j.
Proof.
move=> hu; rewrite /number; case: insubP => [k' _ <-|]; first by rewrite !mxE.
by rewrite -leqNgt => hk; rewrite /en /entry_ [nth [::] _ k]nth_default ?(proj1 hu) // nth_nil zr0 mul0r.
Qed.

Lemma vectorE r u (c : 'I_r) k i : shape (dinputs d) r u ->
  vector (q := q) (col c (mx (dinputs d) r u)) k i = vectors_in (modes_of d) (vectors_of d u) c k i.
Proof.
move=> hu; rewrite /vector /vectors_in -[tensor_modes q]/(modes_of d); case: ifP => // hi.
have hk : (k < size (modes_of d))%N by rewrite ltnNge; apply/negP => hk; move: hi; rewrite nth_default.
by rewrite number_en // mode_gridsE.
Qed.

Lemma tensor_productsE r u : ddeep d = None -> is_tensor d -> shape (dinputs d) r u ->
  [/\ shapes r (modes_of d) (vectors_of d u),
    shape (dm d) r (left_products d r u) /\ mx (dm d) r (left_products d r u) = hidden (q := q) (mx (dinputs d) r u)
  & shape (dn d) r (right_products d r u) /\ forall i j, mx (dn d) r (right_products d r u) i j
      = product_at (right_modes q) (fun k => vector (q := q) (col j (mx (dinputs d) r u)) (size (left_modes q) + k)) i].
Proof.
move=> nd ht hu; have [el er [l1 r1] hs _] := tensorE nd ht; have sh := mode_grids_shapes hu hs.
have [sl sr] := shapes_cat sh; have [hl pl] := products_ofE sl; have [hr pr] := products_ofE sr.
rewrite el in hl pl; rewrite er in hr pr; split=> //; split=> //.
  apply/matrixP => i j; rewrite mxE -[LHS]/(en (left_products d r u) i j) pl // [RHS]mxE.
  case e: (left_modes q) l1 => [|x l]; rewrite -[dleft_modes d]/(left_modes q) ?e // => _.
  rewrite [widths q]/= nd -e; apply: product_at_ext => [|k p hk hp]; first by rewrite -[left_modes q]/(dleft_modes d) el.
  rewrite vectorE // /vectors_in /modes_of nth_cat hk hp.
  by rewrite nth_take.
move=> i j; rewrite mxE -[LHS]/(en (right_products d r u) i j) pr //; apply: product_at_ext => [|k p hk hp]; first by rewrite er.
rewrite vectorE // /vectors_in /modes_of nth_cat -[size (left_modes q)]/(size (dleft_modes d)).
by rewrite [(_ < size (dleft_modes d))%N]ltnNge leq_addr /= addKn hp nth_drop.
Qed.

(* the patches of each row *)
Lemma poolE a r x : pool_ok d a -> shape (dpatches d) r x -> shape (dm d) r (pool_ d r x) /\
  forall i j, mx (dm d) r (pool_ d r x) i j = if largest_ d
    then \big[Num.max/0]_(k < dpatches d | row_of_patch_ d k == i) mx (dpatches d) r x k j
    else \sum_(k < dpatches d | row_of_patch_ d k == i) mx (dpatches d) r x k j.
Proof.
rewrite /pool_ok /pool_ /largest_ /row_of_patch_; case: (dpool d) => [[s b]|]; last first.
  move=> /eqnP ep hx; have hx' : shape (dm d) r x by move: hx; rewrite ep.
  by split=> // i j; rewrite (own_patch ep) !mxE.
move=> /and3P[/eqnP sp hs _] hx; set op := if b then Z.max else Z.add; have hx2 := proj2 hx.
pose OP : R -> R -> R := if b then Num.max else +%R.
have opE y z e : zr (op y z) * p2 e = OP (zr y * p2 e) (zr z * p2 e).
  by rewrite /op /OP; case: (b); rewrite ?zr_max ?zrD ?mulrDl // maxr_pMl ?p2_ge0.
have fold l : all (fun y : seq Z => size y == r) l -> size (foldr (zip_with op) (nseq r Z0) l) = r /\
    forall j, (j < r)%N -> zr (nth Z0 (foldr (zip_with op) (nseq r Z0) l) j) * p2 (ex x)
      = foldr (fun y => OP (zr (nth Z0 y j) * p2 (ex x))) 0 l.
  elim: l => [_|y l IH /= /andP[/eqP hy /IH [h1 h2]]]; split=> [|j jr] /=; rewrite ?size_nseq //.
  - by rewrite nth_nseq jr zr0 mul0r.
  - by rewrite size_zip_with hy h1 minnn.
  - by rewrite (nth_zip_with _ _ Z0 Z0) ?hy ?h1 // opE h2.
have sized_ i : all (fun y : seq Z => size y == r) (mask (map (fun k => k == i) s) (ints x)).
  apply/allP => y /mem_mask /(nthP [::])[k hk <-]; apply/eqP; apply: hx2; by rewrite -(proj1 hx).
split=> [|i j].
  split=> [|i im] /=; first by rewrite size_map size_buckets.
  by rewrite (nth_map [::]) ?size_buckets // bucketsE //; have [] := fold _ (sized_ i).
have -> : forall A B : R, (if b then A else B) = if b then A else B by [].
rewrite mxE /entry_ /= (nth_map [::]) ?size_buckets // bucketsE //.
have [_ ->] := fold _ (sized_ i); last exact: ltn_ord.
have sx : size (ints x) = size s by rewrite (proj1 hx).
rewrite -(big_bucket OP [::] (fun y => zr (nth Z0 y j) * p2 (ex x)) i sx) sp /OP.
by case: (b); apply: eq_bigr => k _; rewrite mxE.
Qed.

Lemma pullE a w : pool_ok d a -> shape (dm d) (dn d) w -> shape (dpatches d) (dn d) (pull_ d w) /\
  mx (dpatches d) (dn d) (pull_ d w) = pulled (q := q) (mx (dm d) (dn d) w).
Proof.
rewrite /pool_ok => hp hw.
have inside_ (k : 'I_(dpatches d)) : (row_of_patch q k < dm d)%N.
  rewrite -[row_of_patch q k]/(row_of_patch_ d k) /row_of_patch_; case: (dpool d) hp => [[s b]|/eqnP <-] //.
  move=> /and3P[/eqnP sp /allP hs _]; apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt; apply: hs; apply: mem_nth.
  by rewrite sp.
split.
  rewrite /pull_; case: (dpool d) hp => [[s b] /and3P[/eqnP sp /allP hs _]|/eqnP -> //].
  split=> [|i im] /=; first by rewrite size_map.
  rewrite (nth_map 0%N) ?sp // (proj2 hw) //; apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt; apply: hs; apply: mem_nth.
  by rewrite sp.
have [e1 e2] : (forall i : 'I_(dpatches d), nth [::] (ints (pull_ d w)) i = nth [::] (ints w) (row_of_patch_ d i))
    /\ ex (pull_ d w) = ex w.
  rewrite /pull_ /row_of_patch_; case: (dpool d) hp => [[s b] /and3P[/eqnP sp _ _]|_] //=.
  by split=> // i; rewrite (nth_map 0%N) ?sp.
by apply/matrixP => i j; rewrite (pulled_at _ _ (inside_ i)) !mxE /entry_ -/(pull_ d w) e1 e2.
Qed.

Lemma deepE f w a : ddeep d = Some (f, w, a) -> exists c l, [/\ w = c :: l, shape (size (ints f)) c f,
  dm d = (size (ints f) * last c l)%N, dn d = 1%N
  & [/\ dinputs d = layers_size c l, (1 < size l)%N, 0 <= dv a & is_tensor d = false]].
Proof.
move=> e; case/and5P: (good) => _ _ _ _ /and5P[/andP[+ _] _ _ _ _]; rewrite /layer_ok e /deep_ok; case: w {e} => [|c l] //.
case/and5P=> /shapedP hf /eqnP em /eqnP en_ /eqnP ei /and3P[l1 a0 nt]; exists c, l; split=> //.
by split=> //; [apply/ssrnat.ltP/PeanoNat.Nat.ltb_lt|rewrite -dv_ge0|exact: negbTE].
Qed.

Lemma numberE r u (j : 'I_r) : shape (dinputs d) r u -> size (nth [::] (ints (transpose r u)) j) = dinputs d /\
  number (col j (mx (dinputs d) r u)) =1 fun k => at_ (nth [::] (ints (transpose r u)) j) k * p2 (ex u).
Proof.
move=> hu; have [[hs hr] et] := transposeE hu; split=> [|k]; first exact: hr.
rewrite /number; case: insubP => [k' _ <-|]; last first.
  by rewrite -leqNgt => hk; rewrite /at_ nth_default ?hr // zr0 mul0r.
by have := congr1 (fun A : 'M_(r, dinputs d) => A j k') et; rewrite !mxE => <-.
Qed.

Lemma deep_hiddenE f c l a r u : ddeep d = Some (f, c :: l, a) -> shape (dinputs d) r u ->
  shape (dm d) r (hidden_ mul d r u) /\ mx (dm d) r (hidden_ mul d r u) = hidden (q := q) (mx (dinputs d) r u).
Proof.
move=> e hu; have [c' [l' [[<- <-] hf em _ [ei _ _ _]]]] := deepE e; rewrite /hidden_ e.
have [[hs hr] _] := transposeE hu; set x := map _ (ints (transpose r u)); set m_ := foldr _ _ _.
have hx : size x = r by rewrite size_map.
have gE k : (k < r)%N -> shape (size (ints f)) (last c l) (nth (Grid [::] Z0) x k) /\ forall i j,
    (i < size (ints f))%N -> (j < last c l)%N -> en (nth (Grid [::] Z0) x k) i j
    = network (dv a) c l (fun p => at_ (nth [::] (ints (transpose r u)) k) p * p2 (ex u)) (en f i) j.
  by move=> hk; rewrite (nth_map [::]) ?hs //; apply: deep_gridE => //; rewrite hr.
have least k : (k < size x)%N -> Z.leb m_ (ex (nth (Grid [::] Z0) x k)).
  rewrite /m_; elim: (x) k => [|g x' IH] [|k] //= hk; first by lia.
  by have := IH k hk; lia.
have rowE k : (k < r)%N -> let s := regrid (nth (Grid [::] Z0) x k) m_ in
    all (fun y : seq Z => size y == last c l) s /\ size s = size (ints f).
  move=> hk; have [[h1 h2] _] := gE k hk; split; last by rewrite size_map.
  by apply/(all_nthP [::]) => i; rewrite size_map => hi; rewrite (nth_map [::]) // size_map h2 // -h1.
have hG : shape r (dm d) (Grid (map (fun g => flatten (regrid g m_)) x) m_).
  split=> [|k hk] /=; first by rewrite size_map.
  by rewrite (nth_map (Grid [::] Z0)) ?hx //; have [h1 h2] := rowE k hk; rewrite (size_flat h1) h2 em.
have [ht et] := transposeE hG; split=> //; rewrite et; apply/matrixP => i j.
have im : (i < size (ints f) * last c l)%N by rewrite -em.
have n0 : (0 < last c l)%N by case: (last c l) im => //; rewrite muln0.
have [hi hj] : (i %/ last c l < size (ints f))%N /\ (i %% last c l < last c l)%N.
  by rewrite ltn_divLR // im ltn_mod.
have [h1 h2] := rowE j (ltn_ord j); have [[g1 g2] g3] := gE j (ltn_ord j).
rewrite !mxE /q /= e /entry_ /= (nth_map (Grid [::] Z0)) ?hx // (nth_flat h1) ?h2 //.
rewrite (nth_map [::]) ?g1 // (nth_map Z0) ?g2 // liftE ?least ?hx // -[LHS]/(en (nth (Grid [::] Z0) x j) _ _) g3 //.
by apply: network_ext => // k; have [_ ->] := numberE j hu.
Qed.

Lemma hiddenE r u : shape (dinputs d) r u -> shape (dm d) r (hidden_ mul d r u) /\
  mx (dm d) r (hidden_ mul d r u) = hidden (q := q) (mx (dinputs d) r u).
Proof.
move=> hu; case nd: (ddeep d) => [[[f w] a]|].
  by have [c [l [ew _ _ _ _]]] := deepE nd; apply: (deep_hiddenE (f := f) (c := c) (l := l) (a := a)); rewrite // nd ew.
rewrite /hidden_ nd; case nt: (is_tensor d); first by have [_] := tensor_productsE nd nt hu.
have [_ f2] := flatE nd nt; case e: (dlayer d) => [[f a]|].
  have [hf hp eU] := layerE nd nt e; have [ht et] := transposeE hu; have [hs es] := productE hf ht.
  have [h1 e1] := activateE a hs; have [h2 e2] := poolE hp h1; split=> //.
  by apply/matrixP => i j; rewrite e2 [RHS]mxE f2 /q /= nd -/q eU e1 es et trmxK.
have k : dinputs d = dm d.
  by case/and5P: (good) => _ _ _ _ /and5P[/andP[+ _] _ _ _ _]; rewrite /layer_ok nd nt e => /and4P[/eqnP].
by rewrite (hidden_plain k) //; exact: mx_cast.
Qed.

(* what is fitted to what is observed *)
Definition fitted_at r u v o : 'M[R]_(dm d, dn d) :=
  fit (q := q) (hidden (q := q) (mx (dinputs d) r u)) (mx (dn d) r v) (offs o).

Lemma designedE x : shape (left_width_ (dX d)) (right_width_ (dX d)) x ->
  shape (dm d) (dn d) (designed_ mul (dX d) x)
  /\ mx (dm d) (dn d) (designed_ mul (dX d) x) = designed (q := q) (mx _ _ x).
Proof.
move=> hx; have [ha hb _ _ _] := designsE; have [ht et] := transposeE hx.
have [h1 e1] := productE ha ht; have [h2 e2] := productE h1 hb.
by split=> //; rewrite e2 e1 et trmxK.
Qed.

Lemma none_fitted (k : 'I_(left_width q)) : eqn (left_width_ (dX d)) 0 = false.
Proof. by case: k => k; rewrite /q /=; case: (left_width_ _). Qed.

Lemma undesigned x : eqn (left_width_ (dX d)) 0 -> designed (q := q) x = 0.
Proof.
move=> no; apply/matrixP => i j; rewrite !mxE big1 // => l _; rewrite mxE big1 ?mul0r // => k.
by rewrite (none_fitted k) in no.
Qed.

Lemma modelE r u v o : shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  shape (dm d) (dn d) (model mul d r u v o) /\ mx (dm d) (dn d) (model mul d r u v o) = fitted_at r u v o.
Proof.
move=> /hiddenE[hu eu] hv [ha hb hx]; have [h1 e1] := means_E hu hv ha hb; rewrite /model /fitted_at /fit.
case: ifP => [no|_]; first by rewrite undesigned // addr0 -eu.
have [h2 e2] := designedE hx; have [h3 e3] := gaddE h1 h2; split=> //.
by rewrite e3 e1 e2 eu.
Qed.

Lemma seenE r u v o : shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  let z := seen_ mul d r u v o in
  [/\ shape (dm d) (dn d) z, Z.leb (ex z) Z0, Z.leb (ex z) (ex (dY d))
    & forall i j, 0 < C q i j -> mx (dm d) (dn d) z i j = fitted_at r u v o i j].
Proof.
move=> hu hv so; have [sz ez] := modelE hu hv so; have [sw ew] := where_E Cm sz.
rewrite /seen_; set w := where_ _ _ in sw ew *; set e := Z.min _ Z0.
have [sr er] := regridE (e := e) (ltac:(rewrite /e; lia) : Z.leb e (ex w)) sw.
split=> [//|/=|/=|i j c_]; [by rewrite /e; lia|by rewrite /e; lia|].
by rewrite er ew ?gt_eqF // ez.
Qed.

Lemma finite_E r u v o : shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  finite_ mul d r u v o -> forall i j, 0 < C q i j -> finite (loss q) (fitted_at r u v o i j) (Y q i j).
Proof.
move=> hu hv so; have [sz _ _ fz] := seenE hu hv so; rewrite /finite_ => h i j c_; rewrite -fz //.
move: sz h {fz}; move: (seen_ _ _ _ _ _ _) => z sz; rewrite [loss q]/(lossv (dloss d)).
case: (dloss d) => //= /andP[h0 hs]; split; first exact: (meetsE (s := NonNegative) sz h0).
have := supportedP Ym hs (ltn_ord i) (ltn_ord j).
by rewrite !mx_gt0 => /orP[//|/Z.eqb_eq ->].
Qed.

Lemma completesE r u v : shape (dinputs d) r u -> shape (dn d) r v -> completes_ d r u v ->
  completes (q := q) (mx (dinputs d) r u) (mx (dn d) r v)
  /\ forall j : 'I_r, signed_by (tensor_modes q) (vector (q := q) (col j (mx (dinputs d) r u))).
Proof.
move=> hu hv; rewrite /completes_; case nd: (ddeep d) => [[[f w] a]|].
  have [c [l [ew _ _ _ [_ _ _ nt]]]] := deepE nd; move=> h; split.
    by rewrite /completes /q /= nd ew; apply/matrixP => i j; rewrite onesE // mxE.
  move=> j k i; rewrite -[tensor_modes q]/(modes_of d); move: nt; rewrite /is_tensor.
  by case: (modes_of d) => //; rewrite nth_nil.
case nt: (is_tensor d); last first.
  move=> _; have [f1 f2] := flatE nd nt; split; first by rewrite /completes f1 f2.
  move=> j k i; rewrite -[tensor_modes q]/(modes_of d); move: nt; rewrite /is_tensor.
  by case: (modes_of d) => //; rewrite nth_nil.
have [sh _ [hr er]] := tensor_productsE nd nt hu; case/andP => ok z; split.
  rewrite /completes [widths q]/= nd; case: {1}(left_modes q) => // _ _ i j; rewrite -er.
  have [_ ed] := gsubE hv hr; have := congr1 (fun M : 'M_(dn d, r) => M i j) ed; rewrite (zerosE _ _ z) !mxE => /esym/eqP.
  by rewrite subr_eq0 => /eqP.
move=> j k i; rewrite vectorE //; exact: signed_in sh ok (ltn_ord j) k i.
Qed.

Lemma pointE r u v o : point_ok d r u v o -> finite_ mul d r u v o -> (down d -> (r <= dr d)%N) ->
  [/\ shape (dinputs d) r u, shape (dn d) r v, offsets_shape o
     & competes (q := q) (mx (dinputs d) r u) (mx (dn d) r v) (offs o)].
Proof.
case/and5P => /shapedP hu /shapedP hv mu mv /andP[/offsetsE[so zo] /(completesE hu hv)[cu su]] hf small; split=> //.
split=> //; first by split; [exact: meetsE|exact: meetsE| |].
by move=> i j c_; rewrite /fitted -fitE; exact: finite_E.
Qed.

Lemma count_ends up r u v o : ~~ classes (dloss d) -> counted (dloss d) ->
  shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  finite_ mul d r u v o ->
  let z := counts_ up d (seen_ mul d r u v o) in shape (dm d) (dn d) z /\
  forall i j, 0 < C q i j -> let h := cost_of (q := q) (fitted_at r u v o i) (Y q i) j in
  if up then h <= mx (dm d) (dn d) z i j else mx (dm d) (dn d) z i j <= h.
Proof.
move=> /negbTE no hc hu hv so; rewrite /finite_ no hc; have [sz e0 ey fz] := seenE hu hv so.
move: sz e0 ey fz; move: (seen_ _ _ _ _ _ _) => z sz e0 ey fz hf /=.
have [sy ey'] := regridE ey Ym; have [sg eg] := zippedE (count_end (dloss d) up (ex z)) (count_unit (dloss d) (ex z)) sz sy.
split=> [//|i j c_]; rewrite /cost_of; move: (log _) => s; rewrite /counts_ eg -fz // [mx _ _ z i j]mxE.
have hcq : counted (loss q) by move: hc; rewrite /q /=; case: (dloss d).
have := counted_labelsE hcq i j; rewrite pmulr_rge0 // -[Y q]/(mx (dm d) (dn d) (dY d)) -ey'.
rewrite mx_ge0 [mx _ _ (Grid _ _) i j]mxE /= => y0.
have pick (l : loss_form dyadic) : classes l = false -> counted l -> lossv l = if signed l then Poisson else KullbackLeibler by case: l.
rewrite (pick _ no hc); case: (boolP (signed (dloss d))) hf => sl hf.
  apply: count_poissonE => //.
  exact: (all_entries (p := fun x => Z.leb (round_up x (ex z)) reach_) sz hf (ltn_ord i) (ltn_ord j)).
case/andP: hf => h0 hs; apply: count_divergenceE => //.
  exact: nonnegP sz h0 (ltn_ord i) (ltn_ord j).
have := supportedP Ym hs (ltn_ord i) (ltn_ord j); rewrite -mx_gt0 -mx_eq0 -ey' mx_gt0 mx_eq0; exact.
Qed.

Lemma lossE up r u v o : ~~ transcendental (dloss d) -> shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  dv (loss_ mul up d r u v o)
  = \sum_i \sum_j C q i j * cost_of (q := q) (fitted_at r u v o i) (Y q i) j.
Proof.
move=> nl; have := nl; rewrite /transcendental negb_or => /andP[nlog ncnt].
have ncq : ~~ counted (loss q) by move: ncnt; rewrite /q /=; case: (dloss d).
under [RHS]eq_bigr do under eq_bigr do rewrite /cost_of entry_lossE //.
move=> hu hv so; have [sz ez] := modelE hu hv so; have [sx ex_] := residualsE sz; rewrite -ez {ez}.
have no : classes (dloss d) = false by move: ncnt; case: (dloss d).
rewrite /loss_ no (negbTE nlog) (negbTE ncnt); set x := residuals _ _ in sx ex_ *; set e := finest _ _.
have he : Z.leb e (ex x) by rewrite /e /finest; lia.
have hf : Z.leb e (finest (dloss d) e) by rewrite /e /finest; lia.
have [sr er] := regridE he sx; rewrite dv_half /dv /= (sum_rowsE _ Cm sr) !p2D mulr_suml mulr_suml.
apply: eq_bigr => i _; rewrite !mulr_suml; apply: eq_bigr => j _.
by rewrite zrM -ex_ -er [C q i j]mxE [mx _ _ (Grid _ _) i j]mxE -costs_E //; ring.
Qed.

(* the loss at a point, and its ends *)
Definition loss_at r u v o : R :=
  \sum_i \sum_j C q i j * cost_of (q := q) (fitted_at r u v o i) (Y q i) j.

Lemma class_ends_E up r u v o : classes (dloss d) ->
  shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  if up then loss_at r u v o <= dv (loss_ mul up d r u v o) else dv (loss_ mul up d r u v o) <= loss_at r u v o.
Proof.
move=> hc hu hv so; have [[sm sn] ez] := modelE hu hv so.
rewrite /loss_at -ez /loss_ hc; move: (model _ _ _ _ _ _) sm sn => z sm sn {ez}.
have hx : shape (dm d) (dn d) (Grid (map (class_ends up (ex z)) (ints z)) (Zneg 100)).
  by split=> [|i im]; rewrite /= ?size_map // (nth_map [::]) ?sm // /class_ends size_map sn.
have el : loss q = Softmax by move: hc; rewrite /q /=; case: (dloss d).
have hcq : counted (loss q) by rewrite el.
have [h2 e2] := entrywiseE Cm Ym; rewrite (innerE h2 hx) /dot.
have term i j : let x := mx (dm d) (dn d) (entrywise (dC d) (dY d)) i j
      * mx (dm d) (dn d) (Grid (map (class_ends up (ex z)) (ints z)) (Zneg 100)) i j in
    let y := C q i j * cost_of (q := q) (mx (dm d) (dn d) z i) (Y q i) j in if up then y <= x else x <= y.
  have h := class_endsE up (ex z) j (sn i (ltn_ord i)).
  have eL : \sum_k exp (mx (dm d) (dn d) z i k) = \sum_(k < dn d) exp (at_ (nth [::] (ints z) i) k * p2 (ex z)).
    by apply: eq_bigr => k _; rewrite mxE.
  rewrite e2 /= [mx _ _ (Grid _ _) i j]mxE /entry_ /= (nth_map [::]) ?sm // -/(arg _) /cost_of el /=.
  rewrite eL [mx _ _ z i j]mxE mulrA; have y0 := counted_labelsE hcq i j.
  by move: (up) h => [] h; exact: ler_wpM2l.
by case: (up) term => term; apply: ler_sum => i _; apply: ler_sum => j _; exact: term.
Qed.

Lemma is_logistic : logistic (dloss d) -> loss q = Logistic.
Proof. by rewrite /q /=; case: (dloss d). Qed.

Lemma loss_ends r u v o : shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  finite_ mul d r u v o ->
  dv (loss_ mul false d r u v o) <= loss_at r u v o <= dv (loss_ mul true d r u v o).
Proof.
move=> hu hv so hf; case: (boolP (classes (dloss d))) => [hs|no].
  by rewrite (class_ends_E false hs hu hv so) (class_ends_E true hs hu hv so).
case: (boolP (counted (dloss d))) => [hc|nc].
  rewrite /loss_ (negbTE no) hc; have [s1 h1] := count_ends false no hc hu hv so hf.
  have [s2 h2] := count_ends true no hc hu hv so hf; rewrite !(innerE Cm) // /dot.
  apply/andP; split; apply: ler_sum => i _; apply: ler_sum => j _; rewrite -[mx _ _ (dC d)]/(C q);
    have := C0 i j; rewrite le_eqVlt => /orP[/eqP <-|c_]; rewrite ?mul0r // ler_pM2l //.
  - exact: h1.
  - exact: h2.
case: (boolP (logistic (dloss d))) => [hl|nl]; last first.
  by rewrite !lossE /transcendental ?negb_or ?nl // lexx.
have ncq : ~~ counted (loss q) by move: nc; rewrite /q /=; case: (dloss d).
have [sz ez] := modelE hu hv so; have [sx ex_] := residualsE sz.
rewrite /loss_at -ez {ez}; rewrite /loss_ (negbTE no) (negbTE nc) hl; set x := residuals _ _ in sx ex_ *.
have term (f : Z -> Z -> Z) (i : 'I_(dm d)) (j : 'I_(dn d)) : zr (Z.mul (entry_ (dC d) i j) (f (entry_ x i j) (ex x))) * p2 (Z.sub (ex (dC d)) 100)
    = mx (dm d) (dn d) (dC d) i j * arg (f (entry_ x i j) (ex x)).
  by rewrite zrM /arg [mx _ _ _ i j]mxE (p2D _ (Zneg 100)); ring.
have el : loss q = @Logistic R := is_logistic hl.
by apply/andP; split; rewrite /dv /= (sum_rowsE _ Cm sx) mulr_suml; apply: ler_sum => i _;
  rewrite mulr_suml; apply: ler_sum => j _; rewrite term /cost_of entry_lossE // -ex_ el;
  rewrite (ler_wpM2l (C0 i j)) // [mx _ _ x i j]mxE; [exact: softplus_downE|exact: softplus_upE].
Qed.

(* sum theta, from above and from below *)
Lemma layer_norms_ge0 c l (w : nat -> R) k : 0 <= nth 0 (layer_norms c l w) k.
Proof. by elim: l c w k => [|e l IH] c w [|k] //=; rewrite ?sqrtr_ge0. Qed.

Definition prices r u v : R := \sum_k theta (form q) (sizes (q := q) (col k (mx (dinputs d) r u)) (col k (mx (dn d) r v))).

Lemma paidE r u : shape (dinputs d) r u -> shape (dinputs d) r (priced_ (dfree d) u) /\
  forall k, priced (q := q) (col k (mx (dinputs d) r u)) = col k (mx (dinputs d) r (priced_ (dfree d) u)).
Proof.
move=> hu; have [hp ep] := pricedE (dfree d) hu; split=> // k.
by rewrite ep; apply/matrixP => i j; rewrite !mxE.
Qed.

Lemma measures_column up p n r u (k : 'I_r) : norm_ok p n -> shape n r u ->
  measures up (norm (normv p) (col k (mx n r u))) (nth Z0 (column_squares (root_of up) p r u) k, column_ex p u).
Proof.
move=> hp hu; have [x0 h] := column_squaresE k (root_ofE up) hp hu; split=> //.
by apply: norm_ge0; exact: norm_okE.
Qed.

Lemma factor_squaresE up r u v (k : 'I_r) : shape (dinputs d) r u -> shape (dn d) r v ->
  let s := sizes (q := q) (col k (mx (dinputs d) r u)) (col k (mx (dn d) r v)) in
  let x := map (fun s => (nth Z0 s.1 k, s.2)) (factor_squares (root_of up) d r u v) in
  [/\ size x = size s, (0 < size s)%N & forall j, (j < size s)%N -> measures up (nth 0 s j) (nth (Z0, Z0) x j)].
Proof.
move=> hu hv; have [hp hp'] := norms_okE; rewrite /factor_squares /sizes.
case nd: (ddeep d) => [[[f w] a]|].
  have [c [l [ew _ _ _ [ei l1 _ _]]]] := deepE nd; rewrite ew [widths q]/= nd ew; have [[hs hr] _] := transposeE hu.
  have [h1 h2] := numberE k hu; have h3 : size (nth [::] (ints (transpose r u)) k) = layers_size c l by rewrite h1.
  have [h4 h5] := layer_squaresE (ex u) h3; rewrite (layer_norms_ext _ _ h2) size_layer_norms size_map size_mkseq.
  split=> // [|j hj]; first exact: leq_trans l1.
  rewrite (nth_map ([::], Z0)) ?size_mkseq // nth_mkseq //= (nth_map [::]) ?size_map ?hs // (nth_map [::]) ?hs //.
  split; [exact: layer_norms_ge0|by rewrite -(pmulr_lge0 _ (exprn_gt0 2 (p2_gt0 (ex u)))) -h5 // sqr_ge0|].
  by apply: ends_eq; rewrite h5.
have -> : widths q = [::] by rewrite /q /= nd.
case nt: (is_tensor d); last first.
  have [_ ->] := flatE nd nt; have [h1 h2] := paidE hu; split=> // -[|[|j]] // _; rewrite ?h2; exact: measures_column.
have [sh _ _] := tensor_productsE nd nt hu; have [_ _ [l1 _] _ _] := tensorE nd nt; have [em okm] := mode_norms_okE.
case e: (left_modes q) l1 => [|x l]; rewrite -[dleft_modes d]/(left_modes q) e // => _; have [sf hf] := sh.
have sm : size (tensor_modes q) = size (modes_of d) by [].
rewrite size_mkseq !size_map size_zip em sf minnn sm; split=> // [|j hj].
  by rewrite -sm /tensor_modes e.
rewrite nth_mkseq ?sm // (nth_map ([::], Z0)) ?size_map ?size_zip ?em ?sf ?minnn //.
rewrite (nth_map (L2, Grid [::] Z0)) ?size_zip ?em ?sf ?minnn // nth_zip ?em ?sf //=.
have := measures_column (p := nth L2 (dmode_norms d) j) up k (okm j) (hf j hj).
rewrite (nth_map L2) ?em //; congr (measures _ (norm _ _) _).
by apply/matrixP => i i'; rewrite !mxE vectorE // /vectors_in ltn_ord.
Qed.

Lemma pricesE up r u v : shape (dinputs d) r u -> shape (dn d) r v -> ends up (prices r u v) (dv (thetas up d r u v)).
Proof.
move=> hu hv; rewrite /prices /thetas -[form q]/(dform d).
have each (k : 'I_r) : ends up (theta (dform d) (sizes (q := q) (col k (mx (dinputs d) r u)) (col k (mx (dn d) r v))))
    (dv (theta_ up (dform d) (map (fun s => (nth Z0 s.1 k, s.2)) (factor_squares (root_of up) d r u v)))).
  by have [h1 h2 h3] := factor_squaresE up k hu hv; exact: theta_E.
apply: ends_trans (ends_sum each) _; apply: ends_eq.
rewrite -(big_mkord xpredT (fun k => dv (theta_ up (dform d) (map (fun s => (nth Z0 s.1 k, s.2)) _)))) /index_iota subn0.
by elim: (iota 0 r) => [|k s IH]; rewrite ?big_nil ?dv_zero // big_cons /= dvD IH.
Qed.

Lemma all_sizesE k r u : shape k r u -> dv (all_sizes k r u) = \sum_j norm L1 (col j (mx k r u)).
Proof.
move=> hu; have [hf ef] := filledE k r; have [hm em] := magnitudesE hu.
rewrite (innerE hf hm) ef /dot exchange_big; apply: eq_bigr => j _; apply: eq_bigr => i _.
by rewrite em !mxE mul1r.
Qed.

Lemma penaltyE up r u v : shape (dinputs d) r u -> shape (dn d) r v ->
  ends up (price (q := q) (mx (dinputs d) r u) (mx (dn d) r v)) (dv (penalty up d r u v)).
Proof.
move=> hu hv; rewrite dvD dvM dvD !dvM (all_sizesE hu) (all_sizesE hv) /price; apply: endsD.
  by rewrite [lam q * _]mulrC [dv (dlam d) * _]mulrC; exact: endsZ l0 (pricesE up hu hv).
by apply: ends_eq; rewrite big_split /= -!mulr_sumr.
Qed.

Lemma value_up r u v o :
  shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  finite_ mul d r u v o -> at_point r u v o <= dv (value mul true d r u v o).
Proof.
move=> hu hv so hf; rewrite /at_point objectiveE /value 2!dvD (ridgeE so).
have /andP[_ up] := loss_ends hu hv so hf; apply: lerD; first by rewrite lerD2r.
exact: (penaltyE true).
Qed.

Definition least r u v o : dyadic :=
  dadd (if transcendental (dloss d) then dadd (loss_ mul false d r u v o) (ridge_ d o)
        else dadd (loss_ mul true d r u v o) (ridge_ d o)) (penalty false d r u v).

Lemma value_down r u v o :
  shape (dinputs d) r u -> shape (dn d) r v -> offsets_shape o ->
  finite_ mul d r u v o -> dv (least r u v o) <= at_point r u v o.
Proof.
move=> hu hv so hf; rewrite /at_point objectiveE /least dvD; apply: lerD; last exact: (penaltyE false).
have /andP[down_ _] := loss_ends hu hv so hf.
case: (boolP (transcendental (dloss d))) => [_|nl]; rewrite dvD (ridgeE so) lerD2r //; by rewrite lossE.
Qed.

(* the lower bound *)
Lemma sumsE w : shape (dm d) (dn d) w -> shape (dn d) 1 (sums mul d w) /\
  forall j, mx (dn d) 1 (sums mul d w) j 0 = column_sum (q := q) (mx (dm d) (dn d) w) j.
Proof.
move=> hw; have [hs es] := column_sumsE hw; have [ht et] := transposeE hs.
by split=> // j; rewrite et es mxE.
Qed.

Lemma design_sumsE w : shape (dm d) (dn d) w ->
  shape (left_width_ (dX d)) (right_width_ (dX d)) (design_sums mul d w) /\
  forall (k : 'I_(left_width q)) (l : 'I_(right_width q)), fitted_x q k l -> mx (left_width_ (dX d)) (right_width_ (dX d)) (design_sums mul d w) k l
    = design_sum (q := q) (mx (dm d) (dn d) w) k l.
Proof.
move=> hw; have [ha hb hm _ _] := designsE; have [ta ea] := transposeE ha; have [tb eb] := transposeE hb.
have [tw ew] := transposeE hw; have [h1 e1] := productE ta tw; have [h2 e2] := productE h1 tb.
have [h3 e3] := where_E hm h2; split=> // k l; rewrite /fitted_x /q /= -mx_gt0 => /gt_eqF ne.
by rewrite e3 ?ne // e2 e1 ea ew eb !trmxK.
Qed.

Lemma bare_sumsE w : shape (dm d) (dn d) w ->
  shape (left_width_ (dX d)) (right_width_ (dX d)) (bare_sums mul d w) /\
  forall (k : 'I_(left_width q)) (l : 'I_(right_width q)), fitted_x q k l -> ridge_x q k l = 0 ->
    mx (left_width_ (dX d)) (right_width_ (dX d)) (bare_sums mul d w) k l
    = design_sum (q := q) (mx (dm d) (dn d) w) k l.
Proof.
move=> hw; have [hs es] := design_sumsE hw; have [_ _ _ [hP _] _] := designsE.
have [h1 e1] := zippedE (fun p t => if Z.eqb p Z0 then t else Z0) (ex (design_sums mul d w)) hP hs.
by split=> // k l hf /eqP; rewrite -es // /bare_sums e1 [ridge_x _ _ _ == 0]mx_eq0 => ->; rewrite mxE.
Qed.

Lemma affordableE w s : shape (dm d) (dn d) w -> affordable_ mul d s w ->
  affordable (q := q) (dv s) (mx (dm d) (dn d) w).
Proof.
have [hp p0 hq q0] := ridgesE; move=> hw /and3P[hc hr hx]; split=> [c j|r i|k l].
- have [hs <-] := sumsE hw; rewrite [ridge_a q 0 j]mxE; apply: support hs hp p0 _.
  by move: hc; rewrite -[dcolumns d]/(columns q) c.
- have [hs es] := row_sumsE hw; rewrite /row_sum -es; apply: support hs hq q0 _.
  by move: hr; rewrite -[drows d]/(rows q) r.
move=> hf; have := X0 k l; rewrite le_eqVlt => /orP[/eqP/esym z|]; [right|by left].
have [hb eb] := bare_sumsE hw; rewrite -eb //; move: hx; rewrite /within_.
rewrite (none_fitted k) /=.
have [hm em] := magnitudesE hb; have [hg eg] := gscaleE s hm; have [_ _ _ _ [hR _]] := designsE.
by case/andP=> _ /(le_E hg hR)/(_ k l); rewrite eg [leLHS]mxE em.
Qed.

Lemma costE w s : shape (dm d) (dn d) w -> affordable_ mul d s w ->
  cost (q := q) (mx (dm d) (dn d) w) <= dv (cost_ mul d w).
Proof.
have [hp p0 hq q0] := ridgesE; move=> hw /and3P[hc hr _]; rewrite /cost /cost_ !dvD !lerD //.
- rewrite /column_cost -[dcolumns d]/(columns q); move: hc; rewrite -[dcolumns d]/(columns q).
  case: (columns q) => /= [hc|_]; last by rewrite dv_zero.
  have [hs es] := sumsE hw; apply: le_trans (squares_over_upE hs hp p0 hc).
  by apply: ler_sum => j _; rewrite big_ord1 es mxE.
- rewrite /row_cost -[drows d]/(rows q); move: hr; rewrite -[drows d]/(rows q).
  case: (rows q) => /= [hr|_]; last by rewrite dv_zero.
  have [hs es] := row_sumsE hw; apply: le_trans (squares_over_upE hs hq q0 hr).
  by apply: ler_sum => i _; rewrite big_ord1 es.
rewrite /design_cost; case: ifP => [/orP[no|no]|_].
- by rewrite dv_zero big1 // => k; rewrite (none_fitted k) in no.
- rewrite dv_zero big1 // => k _; rewrite big1 // => l _.
  have -> : ridge_x q k l = 0 by rewrite /q /= (zerosE _ _ no) mxE.
  by rewrite invr0 mulr0 if_same.
have [hs es] := design_sumsE hw; have [_ _ _ [hP P0'] _] := designsE; have [h1 e1] := where_E hP hs.
have sup : supported (where_ (xP (dX d)) (design_sums mul d w)) (xP (dX d)).
  exact: supported_where hP hs P0'.
apply: le_trans (squares_over_upE h1 hP P0' sup); apply: ler_sum => k _; apply: ler_sum => l _.
have c0' : 0 <= mx _ _ (xP (dX d)) k l := X0 k l.
case: ifP => [hf|_]; last by rewrite divr_ge0 ?sqr_ge0.
have [z|nz] := eqVneq (mx _ _ (xP (dX d)) k l) 0; first by rewrite /q /= z invr0 !mulr0.
by rewrite e1 // es.
Qed.

Lemma free_of_nothing : (forall s, affordable (q := q) s 0) /\ cost (q := q) 0 = 0.
Proof.
have c0_ j : column_sum (q := q) 0 j = 0 by rewrite /column_sum mulmx0 mxE.
have r0_ i : row_sum (q := q) 0 i = 0 by rewrite /row_sum mul0mx mxE.
have x0_ k l : design_sum (q := q) 0 k l = 0 by rewrite /design_sum mulmx0 mul0mx mxE.
have have_ p t : 0 <= p -> t = 0 -> affords (R := R) p t.
  by rewrite le_eqVlt => /orP[/eqP <-|p0] ->; [right|left].
split=> [s|]; first split=> [_ j|_ j|k l _]; try by apply: have_; rewrite ?P0 ?Q0.
  by right; rewrite x0_ normr0 mulr0 R0.
rewrite /cost /column_cost /row_cost /design_cost !big1 ?if_same ?addr0 // => i _; rewrite ?c0_ ?r0_ ?expr0n ?mul0r //.
by rewrite big1 // => l _; rewrite x0_ expr0n mul0r if_same.
Qed.

(* the lines *)
Lemma largest_rowE level p s k l w : norm_ok p l -> shape k l w ->
  exists2 d, 0 <= d /\ d ^+ 2 = dv (largest_row level p s w) & row_le (normv p) s (mx k l w) d.
Proof.
move=> hp [hk hl]; rewrite /largest_row.
have up (x : seq (seq Z)) (acc : Z) : zr acc <= zr (foldl (fun acc x => Z.max acc (dual_square level p s x)) acc x)
    /\ forall i, (i < size x)%N -> zr (dual_square level p s (nth [::] x i))
      <= zr (foldl (fun acc x => Z.max acc (dual_square level p s x)) acc x).
  elim: x acc => [|r x IH] acc //=; have [h1 h2] := IH (Z.max acc (dual_square level p s r)).
  split; first by apply: le_trans h1; rewrite zr_le; lia.
  case=> [|i] hi; last exact: h2.
  by apply: le_trans h1; rewrite zr_le /=; move: (dual_square _ _ _ _) => y; lia.
have [top0 top_] := up (ints w) Z0; rewrite /dv /= p2D; set D := zr (foldl _ _ _) in top0 top_ *.
have D0 : 0 <= D * (p2 (ex w) * p2 (ex w)) by rewrite mulr_ge0 ?mulr_ge0 ?p2_ge0 //; exact: top0.
exists (Num.sqrt (D * (p2 (ex w) * p2 (ex w)))); first by rewrite sqrtr_ge0 sqr_sqrtr.
move=> i v hv; have -> : (mx k l w *m v) i 0 = \sum_(j < l) (zr (entry_ w i j) * p2 (ex w)) * v j 0.
  by rewrite mxE; apply: eq_bigr => j _; rewrite mxE.
have hi : (size (nth [::] (ints w) i) <= l)%N by rewrite hl.
have im : (i < size (ints w))%N by rewrite hk.
have ti := ler_wpM2r (mulr_ge0 (p2_ge0 (ex w)) (p2_ge0 (ex w))) (top_ i im).
apply: (dual_le (s := s) (norm_okE hp) _ hv); first exact: sqrtr_ge0.
rewrite -(sqr_sqrtr D0) in ti; move: (Num.sqrt _) ti => x ti.
exact: dual_more ti (proj2 (dual_squareE level s (ex w) hp hi)).
Qed.

Lemma finer_forE p k l w : shape k l w -> shape k l (finer_for p w) /\ mx k l (finer_for p w) = mx k l w.
Proof. by move=> hw; case: p => *; rewrite /finer_for //; apply: regridE => //; rewrite /guard; lia. Qed.

Lemma linesE level s p s' k l w0 : norm_ok p l -> shape k l w0 -> exists2 d, d ^+ 2 = dv (lines level s p s' w0)
  & rows_le_ s (normv p) s' (mx k l w0) d.
Proof.
move=> hp hw0; have [hw <-] := finer_forE p hw0; rewrite /lines; move: (finer_for p w0) hw => w hw; set t := (if level is Some _ then _ else _).
have [hm em] := gscaleE minus_one hw; rewrite minus_oneE scaleN1r in em.
have [d1 [d10 e1] h1] := largest_rowE t s' hp hw; have [d2 [d20 e2]] := largest_rowE t s' hp hm.
rewrite em => h2; have more x (W : 'M_(k, l)) y : x <= y -> row_le (normv p) s' W x -> row_le (normv p) s' W y.
  by move=> dd h i v hv; apply: le_trans (h i v hv) _; rewrite ler_wpM2r // norm_ge0 //; exact: norm_okE.
rewrite /rows_le_; case: s; [|by exists d1|by exists d2].
exists (Num.max d1 d2); last by split; [apply: more h1|apply: more h2]; rewrite le_max lexx ?orbT.
rewrite dv_max -e1 -e2; case: (leP d1 d2) => h.
  by apply/esym/max_idPr; rewrite ler_sqr.
by apply/esym/max_idPl; rewrite ler_sqr // ltW.
Qed.

(* the corners of a cube: one of them meets W v in no less than u does, but for |u| *)
Definition meets_row n (v : 'cV[R]_n) (r : seq Z) : R := \sum_(j < n) at_ r j * v j 0.
Lemma meets_rowE k n (a : grid) (v : 'cV[R]_n) (i : 'I_k) : (mx k n a *m v) i 0 = meets_row v (nth [::] (ints a) i) * p2 (ex a).
Proof. by rewrite mxE mulr_suml; apply: eq_bigr => j _; rewrite mxE /at_ /entry_ mulrAC. Qed.

Lemma some_end s (a x y : R) : Statement.of_sign s a -> `|a| <= x -> exists2 c, c \in ends_of_cube s & a * y <= x * (zr c * y).
Proof.
move=> sa ax; have x0 : 0 <= x by apply: le_trans ax; exact: normr_ge0.
have /andP[lo hi] : - x <= a <= x by rewrite -ler_norml.
have [y0|/ltW y0] := leP 0 y; case: s sa => /= sa.
- by exists (Zpos xH); rewrite ?inE ?eqxx ?orbT // mul1r ler_wpM2r.
- by exists (Zpos xH); rewrite ?inE ?eqxx ?orbT // mul1r ler_wpM2r.
- by exists Z0; rewrite ?inE ?eqxx ?orbT // zr0 mul0r mulr0 mulr_le0_ge0.
- by exists (Zneg xH); rewrite ?inE ?eqxx ?orbT // mulN1r mulrN -mulNr ler_wnM2r.
- by exists Z0; rewrite ?inE ?eqxx ?orbT // zr0 mul0r mulr0 mulr_ge0_le0.
- by exists (Zneg xH); rewrite ?inE ?eqxx ?orbT // mulN1r mulrN -mulNr ler_wnM2r.
Qed.

Lemma at_cornersE n s rows (u : nat -> R) x (v : 'cV[R]_n) : 0 <= x -> all (fun r => size r == n) rows ->
  (forall i, Statement.of_sign s (u i)) -> (forall i, `|u i| <= x) ->
  all (fun r => size r == n) (at_corners n s rows) /\ exists2 r, r \in at_corners n s rows &
  \sum_(i < size rows) u i * meets_row v (nth [::] rows i) <= x * meets_row v r.
Proof.
move=> x0; elim: rows u => [|r rows IH] u /= => [_ _ _|/andP[/eqP sr sz] su ux].
  rewrite size_nseq eqxx; split=> //; exists (nseq n Z0); rewrite ?inE ?eqxx // big_ord0 mulr_ge0 //.
  by apply: sumr_ge0 => j _; rewrite /at_ nth_nseq if_same zr0 mul0r.
have [sc [y yc hy]] := IH (fun i => u i.+1) sz (fun i => su i.+1) (fun i => ux i.+1).
have [c cs hc] := some_end (meets_row v r) (su 0%N) (ux 0%N); split.
  apply/allP => z /allpairsP[[c' y'] /= [_ yy ->]]; rewrite size_zip_with sr.
  by have /eqP -> := allP sc _ yy; rewrite minnn.
exists (zip_with (fun w y => Z.add (Z.mul c w) y) r y); first exact: allpairs_f.
rewrite big_ord_recl /=; apply: le_trans (lerD hc hy) _; rewrite -mulrDr ler_wpM2l // le_eqVlt; apply/orP; left; apply/eqP.
rewrite /meets_row mulr_sumr -big_split; apply: eq_bigr => j _; have /eqP sy := allP sc _ yc.
by rewrite /at_ (nth_zip_with _ _ Z0 Z0) ?sr ?sy // zrD zrM mulrDl mulrA.
Qed.

Lemma cornersE level s p s' k l w0 : norm_ok p l -> shape k l w0 -> exists2 c, 0 <= c /\ c ^+ 2 = dv (corners l level s p s' w0)
  & forall (u : 'cV_k) (v : 'cV_l), meets s u -> meets s' v -> dot u (mx k l w0 *m v) <= c * (norm LInf u * norm (normv p) v).
Proof.
move=> hp hw0; have [hw <-] := finer_forE p hw0; rewrite /corners; move: (finer_for p w0) hw => w hw.
set t := (if level is Some _ then _ else _); set X := Grid _ _.
have sw := shape_all hw; have sz : size (ints w) = k := proj1 hw.
have [sX _] := at_cornersE (s := s) (u := fun=> 0) (0 : 'cV_l) (lexx 0) sw (fun i => ltac:(by case: (s) => /=)) (fun i => ltac:(by rewrite normr0)).
have hX : shape (size (ints X)) l X by split=> // i hi; have /all_nthP -/(_ [::] i hi)/eqP := sX.
have [c c2 hc] := largest_rowE t s' hp hX; exists c => // u v hu hv.
have n0 : 0 <= norm LInf u := norm_ge0 (p := LInf) u I.
have num_ i : Statement.of_sign s (number u i) /\ `|number u i| <= norm LInf u.
  rewrite /number; case: insubP => [j _ _|_]; last by rewrite normr0; split=> //; case: (s) => /=.
  by split; [move: hu; case: (s) => //= h; exact: h|exact: (le_bigmax _ (fun j => `|u j 0|))].
have [_ [r rX hr]] := at_cornersE v n0 sw (fun i => proj1 (num_ i)) (fun i => proj2 (num_ i)).
have e0 := p2_ge0 (ex w); rewrite dot_col.
have -> : \sum_i u i 0 * (mx k l w *m v) i 0 = (\sum_(i < size (ints w)) number u i * meets_row v (nth [::] (ints w) i)) * p2 (ex w).
  rewrite sz mulr_suml; apply: eq_bigr => i _; rewrite meets_rowE mulrA; congr (_ * _ * _).
  by rewrite /number valK.
apply: le_trans (ler_wpM2r e0 hr) _; rewrite -mulrA [leRHS]mulrCA ler_wpM2l //.
have hi : (index r (ints X) < size (ints X))%N by rewrite index_mem.
have := hc (Ordinal hi) v hv; rewrite meets_rowE /= nth_index //.
Qed.

Lemma plain_squareE w h t : norm_ok (dleft_norm d) (dm d) -> shape (dm d) (dn d) w -> plain_square mul d w h = Some t ->
  plain_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> hp hw; have hp' := proj2 norms_okE; have ones k i : mx k 1 (unit_column k) i 0 = 1 by have [_ ->] := unit_columnE k; rewrite mxE.
set W := mx (dm d) (dn d) w; case: h => [?|c sc nn mm l sh|bx tr|level|c trees|t0|each|each|??????|???|c level|???|?] //=; last first.
- have corner_ x y : x ^+ 2 = dv y -> 0 <= x -> (forall (u : 'cV_(dm d)) (v : 'cV_(dn d)), meets (left q) u -> meets (right q) v ->
      dot u (W *m v) <= x * (norm (left_norm q) u * norm (right_norm q) v)) -> Some y = Some t -> plain_le (q := q) W (dv t).
    by move=> e x0 h [<-] u v hu hv w0; rewrite -e -exprMn ler_sqr ?nnegrE ?(le_trans w0) // h.
  case: c.
    case e: (dright_norm d) => //; have [ht et] := transposeE hw.
    have [x [x0 x2] h] := cornersE level (dright d) (dleft d) hp ht; apply: corner_ x2 x0 _ => u v hu hv.
    have := h v u hv hu; rewrite et [norm _ v * _]mulrC.
    have -> : right_norm q = LInf by rewrite /q /= e.
    by apply: le_trans; rewrite [X in _ <= X]dotC dot_mull trmxK dotC.
  case e: (dleft_norm d) => //; have [x [x0 x2] h] := cornersE level (dleft d) (dright d) hp' hw.
  apply: corner_ x2 x0 _ => u v hu hv; have -> : left_norm q = LInf by rewrite /q /= e.
  exact: h.
- case e: (if c then _ else _) => [x|] // [<-] u v hu hv w0; rewrite dvM -expr2 -exprMn.
  have le_ : dot u (W *m v) <= dv x * (norm (left_norm q) u * norm (right_norm q) v).
    move: e; case: c => e; last exact: conesE hp hp' hw e _ _ hu hv.
    have [ht et] := transposeE hw; have := conesE hp' hp ht e hv hu; rewrite et [norm _ v * _]mulrC; apply: le_trans.
    by rewrite [X in _ <= X]dotC dot_mull trmxK dotC.
  by rewrite ler_sqr ?nnegrE // (le_trans w0 le_).
- have rows_ : left_norm q = L1 -> Some (lines level (dleft d) (dright_norm d) (dright d) w) = Some t ->
      plain_le (q := q) W (dv t).
    by move=> hl [<-]; have [x <- hx] := linesE level (dleft d) (dright d) hp' hw; exact: polar_le_rows.
  have columns_ : right_norm q = L1 -> Some (lines level (dright d) (dleft_norm d) (dleft d) (transpose (dn d) w)) = Some t ->
      plain_le (q := q) W (dv t).
    have [ht et] := transposeE hw; move=> hr [<-].
    by have [x <- hx] := linesE level (dright d) (dleft d) hp ht; apply: polar_le_columns; rewrite // /W -et.
  move: rows_ columns_; rewrite /q /=.
  by case: (dleft_norm d) => [|||?|?|?|?]; case: (dright_norm d) => [|||?|?|?|?] //= r_ c_; by [exact: r_|exact: c_].
- case e: (conic _ _ _ _ _ _ _ _ _ _) => [p|] // [<-]; rewrite dvM.
  apply: (plain_le_unit (q := q) normR (norm_okE hp)) => [|u v hu hv u1 v1]; first by rewrite dv_max dv_zero le_max lexx orbT.
  apply: le_trans (conicE hp hp' hw e hu hv u1 v1) _; by rewrite dv_max le_max lexx.
- set y := fst (if sc is Some s then s else (unit_column (dm d), unit_column (dn d))).
  set z := snd (if sc is Some s then s else (unit_column (dm d), unit_column (dn d))).
  have -> : (if sc is Some s then s else (unit_column (dm d), unit_column (dn d))) = (y, z) by case: (sc) @y @z => [[]|].
  case: ifP => // /and3P[hn hm /andP[hs /andP[py pz]]] [<-].
  have [hy y0] := positiveE py; have [hz z0] := positiveE pz; have [cl hl] := ball_costE hp py; have [cr hr] := ball_costE hp' pz.
  set x := (if sc is Some _ then _ else _); rewrite !dvM dv_max dv_zero.
  apply: (polar_le_scaled (q := q) (X := \matrix_(i, j) (mx _ 1 y i 0 * mx _ 1 z j 0 * W i j)) normR (norm_okE hp) _ cl cr y0 z0) => //.
    by rewrite le_max lexx orbT.
    by move=> i j; rewrite mxE.
  set X := \matrix_(i, j) _.
  suff: square_le (q := q) X (dv (top mul (if c then dn d else dm d) (plus (mul (if c then
      transpose (dn d) x else x) (if c then transpose (dn d) x else x)) mm) l sh)).
    move=> h u v hu hv w0; apply: le_trans (h u v hu hv w0) _.
    by rewrite ler_wpM2r ?mulr_ge0 ?sq_ge0 // le_max lexx.
  have [hx0 [N0 [eN0 N0_]]] : shape (dm d) (dn d) (plus w nn) /\ exists N, mx (dm d) (dn d) (plus w nn) = W + N /\
      forall (u : 'cV_(dm d)) (v : 'cV_(dn d)), meets (left q) u -> meets (right q) v -> 0 <= dot u (N *m v).
    case: (nn) hn => [a|] /=; last first.
      by split=> //; exists 0; split=> [|u v _ _]; rewrite ?addr0 // mul0mx dot0r.
    case/andP=> /shapedP ha na; have [h1 e1] := gaddE hw ha; split=> //.
    by exists (mx (dm d) (dn d) a); split=> // u v hu hv; exact: nonneg_onE ha na hu hv.
  have [hx ex_] : shape (dm d) (dn d) x /\ exists N, mx (dm d) (dn d) x = X + N /\
      forall (u : 'cV_(dm d)) (v : 'cV_(dn d)), meets (left q) u -> meets (right q) v -> 0 <= dot u (N *m v).
    have [h1 e1] := productE hy hz; have [h2 e2] := entrywiseE h1 hx0.
    have eX : shape (dm d) (dn d) x /\ forall i j, mx (dm d) (dn d) x i j = mx _ 1 y i 0 * mx _ 1 z j 0 * (W i j + N0 i j).
      rewrite /x; case: (sc) @y @z {x} h1 e1 h2 e2 {hy y0 hz z0 hl hr cl cr py pz X} => [s|] y z h1 e1 h2 e2; split=> // i j.
        by rewrite e2 e1 eN0 [X in X * _]mxE big_ord1 [X in _ * X * _]mxE [X in _ * X]mxE.
      by rewrite !ones !mul1r eN0 mxE.
    split; first by case: eX.
    exists (\matrix_(i, j) (mx _ 1 y i 0 * mx _ 1 z j 0 * N0 i j)); split.
      by apply/matrixP => i j; rewrite (proj2 eX) !mxE mulrDr.
    move=> u v hu hv; pose u' : 'cV_(dm d) := \col_i (mx _ 1 y i 0 * u i 0); pose v' : 'cV_(dn d) := \col_j (mx _ 1 z j 0 * v j 0).
    have times k (b : grid) (a : 'cV_k) g : (forall i, 0 < mx k 1 b i 0) -> meets g a -> meets g (\col_i (mx k 1 b i 0 * a i 0)).
      by move=> b0; case: g => //= ha i j; rewrite mxE; [rewrite mulr_ge0 // ltW|rewrite mulr_ge0_le0 // ltW].
    have := N0_ u' v' (times _ _ _ _ y0 hu) (times _ _ _ _ z0 hv); congr (_ <= _).
    rewrite !dot_col; apply: eq_bigr => i _; rewrite !mxE !mulr_sumr; apply: eq_bigr => j _.
    by rewrite !mxE; ring.
  case: ex_ => N [eN N1]; apply: (square_le_more (q := q) N1); rewrite -eN.
  have more k s (g : grid) (e0 : 'cV_k) : shape k (if c then dm d else dn d) g -> fits s s k k mm ->
      (if mm is Some x0 then symmetric k x0 else true) -> meets s e0 ->
      qf (mx k _ g *m (mx k (if c then dm d else dn d) g)^T) e0
      <= dv (top mul k (plus (mul g g) mm) l sh) * sq e0.
    move=> hg; case: (mm) => [a|] /=; last by move=> _ _ _; exact: gram_top.
    case/andP=> /shapedP ha na sa he; have [h1 e1] := productE hg hg; have [h2 e2] := gaddE h1 ha.
    rewrite -e1; have: qf (mx k k (mul g g)) e0 <= qf (mx k k (gadd (mul g g) a)) e0.
      by rewrite e2 qfD lerDl; exact: (nonneg_onE ha na he he).
    move/le_trans; apply; apply: topE => //.
    by rewrite e2 linearD /= e1 trmx_mul trmxK (symmetricE ha sa).
  move=> u v hu hv _; move: hm hs more; case: (c) => hm hs more.
    apply: polar_columns; have [ht et] := transposeE hx; rewrite -et.
    exact: (more (dn d) (dright d) _ v ht hm hs hv).
  by apply: polar_rows; exact: (more (dm d) (dleft d) _ u hx hm hs hu).
Qed.

(* what is proved of matrices, below of the slices of a tensor *)
Hypothesis matrices : forall d', well_formed d' -> forall w h t, norm_ok (dleft_norm d') (dm d') -> shape (dm d') (dn d') w ->
  plain_square mul d' w h = Some t -> plain_le (q := meaning d') (mx (dm d') (dn d') w) (dv t).

(* tensors: u, and z = (u, v), are products in each group *)
Lemma times_signE s s' (x y : R) : Statement.of_sign s x -> Statement.of_sign s' y ->
  Statement.of_sign (times_sign s s') (x * y).
Proof.
case: s s' => -[] //= x0 y0; [exact: mulr_ge0|exact: mulr_ge0_le0|exact: mulr_le0_ge0|exact: mulr_le0].
Qed.

Lemma sign_ofE l (x : nat -> nat -> R) i : signed_by l x -> Statement.of_sign (sign_of l) (product_at l x i).
Proof.
elim: l x i => [|d0 l IH] x i sx; first exact: ler01.
by apply: times_signE; [exact: (sx 0%N)|apply: IH => k; exact: (sx k.+1)].
Qed.

Lemma meets_products l k (u : 'cV[R]_k) x : signed_by l x -> (forall i, u i 0 = product_at l x i) -> meets (sign_of l) u.
Proof.
move=> sx eu; have h (i : 'I_k) j := sign_ofE i sx; move: h; case: (sign_of l) => //= h i j; rewrite ord1 eu; exact: h.
Qed.

(* a slice of vectors x *)
Lemma tensor_sliceE (u : 'cV[R]_(dinputs d)) (v : 'cV[R]_(dn d)) : ddeep d = None -> is_tensor d ->
  completes (q := q) u v -> exists x, [/\ x = vector (q := q) u,
    forall i, hidden (q := q) u i 0 = product_at (dleft_modes d) x i,
    forall j, v j 0 = product_at (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N) j
  & \prod_(y <- sizes (q := q) u v) y
    = \prod_(k < size (modes_of d)) norm (nth L2 (mode_norms q) k) (\col_(i < (nth (0%N, Free) (modes_of d) k).1) x k i)].
Proof.
move=> nd nt; have [_ _ [l1 _] _ _] := tensorE nd nt; rewrite /completes.
have -> : widths q = [::] by rewrite /q /= nd.
have u0 : col 0 u = u by apply/matrixP => i j; rewrite mxE ord1.
case e: (left_modes q) l1 => [|y l]; rewrite -[dleft_modes d]/(left_modes q) e // => _ hc.
exists (vector (q := q) u); split=> [//|i|j|].
- by rewrite mxE [widths q]/= nd e u0.
- by rewrite hc u0.
rewrite /sizes [widths q]/= nd e (big_nth 0) size_mkseq big_mkord -[tensor_modes q]/(modes_of d).
by apply: eq_bigr => k _; rewrite nth_mkseq.
Qed.

Lemma group_of (one : bool) l k (u : 'cV[R]_k) x : signed_by l x -> (one -> same_pairs l x) ->
  (forall i, u i 0 = product_at l x i) -> size_of l = k -> on_group one x l 0 u.
Proof. by move=> sx ox eu e; split=> // [|i _ _]; rewrite ?add0n ?e ?subn0. Qed.

(* c x_1 o x_2 o ... *)
Definition scale_first c (x : nat -> nat -> R) k i := if k is 0%N then c * x 0%N i else x k i.
Lemma scale_firstE l x c : 0 <= c -> (0 < size l)%N -> signed_by l x ->
  signed_by l (scale_first c x) /\ forall i, product_at l (scale_first c x) i = c * product_at l x i.
Proof.
case: l => [|d0 l] // pos _ sx; split=> [[|k] i|i]; [|exact: (sx k.+1)|by rewrite /= mulrA].
have := sx 0%N i; rewrite /Statement.of_sign /=; case: d0.2 => // x0; first by rewrite mulr_ge0.
by rewrite mulr_ge0_le0.
Qed.

Lemma scale_pairs l x c : (0 < size l)%N -> same_pairs l x -> same_pairs l (scale_first c x).
Proof.
have times a : (0 < size a)%N -> term (scale_first c x) a = c * term x a by case: a => //= *; rewrite -mulrA.
move=> pos ox a b ha hb; have := ox a b ha hb; rewrite /partner; set s := path.sort _ _ => e.
have [sa sb] := (inside_size ha, inside_size hb); have ss : size s = (size a + size b)%N by rewrite path.size_sort size_cat.
have [s1 s2] : size (take (size a) s) = size l /\ size (drop (size a) s) = size l.
  by rewrite size_takel ?size_drop ss ?leq_addr // addKn sa sb.
by rewrite !times ?s1 ?s2 ?sa ?sb // -sa mulrACA e mulrACA.
Qed.

Lemma group_left one x l m' n' (u : 'cV[R]_m') (v : 'cV[R]_n') : on_group one x l 0 u -> size_of l = m' ->
  on_group one x l 0 (col_mx u v).
Proof.
move=> [_ sx ox hx] e; split=> // [|i _]; first by rewrite add0n e leq_addr.
rewrite subn0 => hi; case: (split_ordP i) hi => j -> hi.
  by rewrite col_mxEu (hx j) ?subn0 // e.
by move: hi; rewrite /= e ltnNge leq_addr.
Qed.

Lemma group_right one x l m' n' (u : 'cV[R]_m') (v : 'cV[R]_n') : on_group one x l 0 v -> size_of l = n' ->
  on_group one x l m' (col_mx u v).
Proof.
move=> [_ sx ox hx] e; split=> // [|i]; first by rewrite e.
case: (split_ordP i) => j -> hi hj; first by move: hi; rewrite /= leqNgt ltn_ord.
by move: hj; rewrite col_mxEd /= addKn => hj; rewrite (hx j) ?subn0.
Qed.

Lemma signed_cat l l' (x : nat -> nat -> R) : signed_by (l ++ l') x -> signed_by l x /\ signed_by l' (fun k => x (size l + k)%N).
Proof.
move=> h; split=> k i.
  have [hk|hk] := ltnP k (size l); last by rewrite nth_default.
  by have := h k i; rewrite nth_cat hk.
by have := h (size l + k)%N i; rewrite nth_cat [(_ < size l)%N]ltnNge leq_addr /= addKn.
Qed.

Lemma sq_products l k (u : 'cV[R]_k) x : size_of l = k -> (forall i, u i 0 = product_at l x i) ->
  sq u = \prod_(j < size l) \sum_(i < (nth (0%N, Free) l j).1) x j i ^+ 2.
Proof.
move=> e eu; rewrite sq_col; under eq_bigr do rewrite eu; rewrite -e {e u eu}.
elim: l x => [|d0 l IH] x; first by rewrite big_ord1 big_ord0 expr1n.
rewrite big_ord_recl -[size_of _]/(d0.1 * size_of l)%N -(IH (fun k => x k.+1)).
under eq_bigr do rewrite [product_at _ _ _]/= exprMn.
rewrite (@sum_of_places R d0.1 (size_of l) (fun a b => x 0%N a ^+ 2 * product_at l (fun j => x j.+1) b ^+ 2)).
by rewrite mulr_suml; apply: eq_bigr => a _; rewrite mulr_sumr.
Qed.

(* and its vectors, of norms that are at least l2 *)
Lemma sq_le_sizes (u : 'cV[R]_(dm d)) (v : 'cV[R]_(dn d)) x : ddeep d = None -> is_tensor d -> all (@outside_l2 _) (dmode_norms d) ->
  (forall i, u i 0 = product_at (dleft_modes d) x i) ->
  (forall j, v j 0 = product_at (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N) j) ->
  sq u * sq v <= (\prod_(k < size (modes_of d)) norm (nth L2 (mode_norms q) k) (\col_(i < (nth (0%N, Free) (modes_of d) k).1) x k i)) ^+ 2.
Proof.
move=> nd nt out eu ev; have [el er _ _ _] := tensorE nd nt; have [em okm] := mode_norms_okE.
rewrite (sq_products el eu) (sq_products er ev) -prodrXl /modes_of size_cat big_split_ord /=.
rewrite [X in X * _ <= _](_ : _ = \prod_(j < size (dleft_modes d)) sq (\col_(i < (nth (0%N, Free) (modes_of d) j).1) x j i)); last first.
  apply: eq_bigr => j _; rewrite sq_col /modes_of nth_cat ltn_ord; by apply: eq_bigr => i _; rewrite mxE.
rewrite [X in _ * X <= _](_ : _ = \prod_(j < size (dright_modes d)) sq (\col_(i < (nth (0%N, Free) (modes_of d) (size (dleft_modes d) + j)).1) x (size (dleft_modes d) + j)%N i)); last first.
  apply: eq_bigr => j _; rewrite sq_col /modes_of nth_cat [(_ < size (dleft_modes d))%N]ltnNge leq_addr /= addKn.
  by apply: eq_bigr => i _; rewrite mxE.
have le_ k : (k < size (modes_of d))%N -> 0 <= sq (\col_(i < (nth (0%N, Free) (modes_of d) k).1) x k i)
    <= norm (nth L2 (mode_norms q) k) (\col_(i < (nth (0%N, Free) (modes_of d) k).1) x k i) ^+ 2.
  move=> hk; rewrite sq_ge0 /=; apply: sq_le_norm; first exact: normM.
  by rewrite /= (nth_map L2) ?em // outsideE; apply: (elimT (all_nthP L2) out); rewrite em.
have lk (j : 'I_(size (dleft_modes d))) : (j < size (modes_of d))%N by rewrite /modes_of size_cat ltn_addr.
have rk (j : 'I_(size (dright_modes d))) : (size (dleft_modes d) + j < size (modes_of d))%N by rewrite /modes_of size_cat ltn_add2l.
apply: ler_pM; try by apply: prodr_ge0 => j _; exact: sq_ge0.
  by apply: ler_prod => j _; exact: (le_ j (lk j)).
by apply: ler_prod => j _; exact: (le_ _ (rk j)).
Qed.

Lemma half_sumE k w : shape k k w -> shape k k (half_sum k w) /\ mx k k (half_sum k w) = 2^-1 *: (mx k k w + (mx k k w)^T).
Proof.
move=> hw; have [h1 e1] := transposeE hw; have [h2 e2] := gaddE hw h1.
have [h3 e3] := gscaleE (Dy 1 (Zneg xH)) h2; split; first exact: h3.
by rewrite e3 e2 e1; congr (_ *: _); rewrite dvE /p2 exprN1 mul1r.
Qed.

Lemma half_sum_qf k w (z : 'cV[R]_k) : shape k k w -> (mx k k (half_sum k w))^T = mx k k (half_sum k w) /\
  qf (mx k k (half_sum k w)) z = dot z (mx k k w *m z).
Proof.
move=> hw; have [_ ->] := half_sumE hw; split; first by rewrite linearZ /= linearD /= trmxK addrC.
rewrite qfZ qfD /qf; have -> : dot z ((mx k k w)^T *m z) = dot z (mx k k w *m z) by rewrite dotC dot_mull trmxK.
by field.
Qed.

(* of one vector in all modes *)
Lemma one_modeE (u : 'cV[R]_(dinputs d)) : ddeep d = None -> is_tensor d -> done_vector d ->
  all (eqn (dinputs d)) (map fst (modes_of d)) /\ forall k i, (k < size (modes_of d))%N ->
    vector (q := q) u k i = number u i.
Proof.
move=> nd nt one_; have [_ _ _ + _] := tensorE nd nt; rewrite one_ => h; split=> // k i hk.
rewrite /vector -[tensor_modes q]/(modes_of d) -[one_vector q]/(done_vector d) one_ add0n.
have /eqnP <- : eqn (dinputs d) (nth (0%N, Free) (modes_of d) k).1.
  by have := all_nthP 0%N h k; rewrite size_map => /(_ hk); rewrite (nth_map (0%N, Free)).
by case: ltnP => // hi; rewrite /number insubF // ltnNge hi.
Qed.

Lemma one_sizes : ddeep d = None -> is_tensor d -> done_vector d ->
  [/\ all (eqn (dinputs d)) (map fst (dleft_modes d)), all (eqn (dinputs d)) (map fst (dright_modes d)),
    dm d = (dinputs d ^ size (dleft_modes d))%N & dn d = (dinputs d ^ size (dright_modes d))%N].
Proof.
move=> nd nt one_; have [el er _ + _] := tensorE nd nt; rewrite one_ /modes_of map_cat all_cat => /andP[h1 h2].
by split=> //; rewrite -?el -?er; exact: size_of_cube.
Qed.

Lemma one_value w (u : 'cV[R]_(dm d)) (v : 'cV[R]_(dn d)) (y : 'cV[R]_(dinputs d)) x : ddeep d = None -> is_tensor d -> done_vector d ->
  shape (dm d) (dn d) w -> x = vector (q := q) y -> (forall i, u i 0 = product_at (dleft_modes d) x i) ->
  (forall j, v j 0 = product_at (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N) j) ->
  size (flatten (ints w)) = (dinputs d ^ size (modes_of d))%N /\
  dot u (mx (dm d) (dn d) w *m v) = p2 (ex w) * value_of (dinputs d) (number y) (size (modes_of d)) (flatten (ints w)).
Proof.
move=> nd nt one_ hw ex_ eu ev; have [hm hx] := one_modeE y nd nt one_; have [h1 h2 em en_] := one_sizes nd nt one_.
have [el er _ _ _] := tensorE nd nt.
have sz : size (flatten (ints w)) = (dinputs d ^ size (modes_of d))%N.
  by rewrite (size_flat (shape_all hw)) (proj1 hw) {1}em {1}en_ -expnD /modes_of size_cat.
split=> //; rewrite value_ofE // mulr_sumr /modes_of size_of_cat el er.
pose F i j := en w i j * (product_at (dleft_modes d) x i * product_at (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N) j).
transitivity (\sum_(p < dm d * dn d) F (p %/ dn d)%N (p %% dn d)%N).
  rewrite sum_of_places dot_col; apply: eq_bigr => i _; rewrite mxE mulr_sumr; apply: eq_bigr => j _.
  by rewrite enE eu ev /F; ring.
have cat_ p : (p < dm d * dn d)%N -> product_at (dleft_modes d ++ dright_modes d) x p = product_at (dleft_modes d) x (p %/ dn d)%N
    * product_at (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N) (p %% dn d)%N.
  by rewrite -el -er; exact: product_at_cat.
apply: eq_bigr => p _; rewrite /F /at_ (nth_flat (shape_all hw)) ?(proj1 hw) // /en /entry_ -cat_ //.
rewrite [in RHS](_ : product_at _ (fun=> number y) p = product_at (dleft_modes d ++ dright_modes d) x p); first by ring.
apply: product_at_ext => [|k i hk hi]; first by rewrite size_of_cat el er.
by rewrite ex_ hx.
Qed.

Lemma over_ordersE w (u : 'cV[R]_(dm d)) (v : 'cV[R]_(dn d)) (y : 'cV[R]_(dinputs d)) x : ddeep d = None -> is_tensor d -> done_vector d ->
  shape (dm d) (dn d) w -> x = vector (q := q) y -> (forall i, u i 0 = product_at (dleft_modes d) x i) ->
  (forall j, v j 0 = product_at (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N) j) ->
  shape (dm d) (dn d) (over_orders d w) /\
  dot u (mx (dm d) (dn d) (over_orders d w) *m v) = (size (modes_of d))`!%:R * dot u (mx (dm d) (dn d) w *m v).
Proof.
move=> nd nt one_ hw ex_ eu ev; have [sz ->] := one_value nd nt one_ hw ex_ eu ev.
have [_ _ em en_] := one_sizes nd nt one_.
have [so eo] := in_all_ordersE (number y) sz; set o := in_all_orders _ _ _ in so eo.
have so' : size o = (dm d * dn d)%N by rewrite so /modes_of size_cat expnD -em -en_.
have [ho _] := @chunksE (dm d) (dn d) o (ex w) ltac:(by rewrite so'); rewrite -[Grid _ _]/(over_orders d w) in ho.
split=> //; have [_ ->] := one_value nd nt one_ ho ex_ eu ev.
by rewrite /over_orders /= -/o flat_chunks // eo; ring.
Qed.

Lemma same_numberE x y : same_number x y -> x = y.
Proof. by case: x y => a b [a' b'] /andP[/Z.eqb_eq /= -> /Z.eqb_eq /= ->]. Qed.
Lemma same_list (T : Type) (f : T -> T -> bool) (x y : seq T) : (forall a b, f a b -> a = b) -> all2 f x y -> x = y.
Proof. by move=> hf; elim: x y => [|a x IH] [|b y] //= /andP[/hf -> /IH ->]. Qed.
Lemma same_normE p p' : same_norm p p' -> p = p'.
Proof.
case: p p' => [|||w|a|g|g] [|||w'|a'|g'|g'] //=.
- by move=> /(same_list same_numberE) ->.
- by move=> /same_numberE ->.
- by move=> /(same_list (fun a b => elimT eqnP)) ->.
by move=> /(same_list (fun a b => elimT eqnP)) ->.
Qed.

Lemma product_sizes l l' (x : nat -> nat -> R) i : map fst l = map fst l' -> product_at l x i = product_at l' x i.
Proof.
elim: l l' x i => [|m l IH] [|m' l'] x i //= [_ e]; have es : size_of l = size_of l'.
  by move: e; elim: (l) (l') => [|a k IHs] [|b k'] //= [-> /IHs ->].
by rewrite es (IH l').
Qed.

Lemma product_squareE w f n' sp tr t : ddeep d = None -> is_tensor d -> shape (dm d) (dn d) w ->
  product_square mul d w f n' sp tr = Some t -> polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt hw; rewrite /product_square; case: ifP => // /andP[hn out] h u0 v _ _ cu su w0.
have [el er [l1 r1] _ _] := tensorE nd nt; have [x [ex_ eu ev ->]] := tensor_sliceE nd nt cu.
have sx : signed_by (modes_of d) x by rewrite ex_.
have [sl sr] := signed_cat sx; move: (hidden u0) eu w0 => u eu w0.
have mu := meets_products sl eu; have mv := meets_products sr ev; have le_ := sq_le_sizes nd nt out eu ev.
have [ol or_] : (done_vector d -> same_pairs (dleft_modes d) x) /\
    (done_vector d -> same_pairs (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N)).
  split=> one_; have [_ hx] := one_modeE u0 nd nt one_; apply: same_pairs_of => k i hk; rewrite ex_ !hx //.
  - by rewrite /modes_of size_cat ltn_addr.
  - by rewrite /modes_of size_cat ltn_addr.
  - by rewrite addn0 /modes_of size_cat -{1}[size (dleft_modes d)]addn0 ltn_add2l.
  by rewrite /modes_of size_cat ltn_add2l.
have [hs [N [eN N0]]] : shape (dm d) (dn d) (plus w n') /\ exists N,
    mx (dm d) (dn d) (plus w n') = mx (dm d) (dn d) w + N /\ 0 <= dot u (N *m v).
  case: n' hn {h} => [y|] /=; last by split=> //; exists 0; rewrite addr0 mul0mx dot0r.
  case/andP=> /shapedP hy ny; have [h1 e1] := gaddE hw hy; split=> //.
  by exists (mx (dm d) (dn d) y); split=> //; exact: nonneg_onE hy ny mu mv.
move: h hs eN; move: (plus w n') => s h hs eN; set W := mx _ _ w in w0 eN *.
have s0 : 0 <= dot u (mx (dm d) (dn d) s *m v) by rewrite eN mulmxDl dotDr addr_ge0.
have more : 0 <= dv t -> dot u (mx (dm d) (dn d) s *m v) ^+ 2 <= dv t * (sq u * sq v) ->
    dot u (W *m v) ^+ 2 <= dv t * (\prod_(k < size (modes_of d)) norm (nth L2 (mode_norms q) k)
      (\col_(i < (nth (0%N, Free) (modes_of d) k).1) x k i)) ^+ 2.
  move=> t0 h1; apply: le_trans (_ : _ <= dv t * (sq u * sq v)) _; last exact: ler_wpM2l.
  by apply: le_trans h1; rewrite ler_sqr ?nnegrE // eN mulmxDl dotDr lerDl.
have max0 p : 0 <= dv (dmax p dzero) by rewrite dv_max dv_zero le_max lexx orbT.
have gx := group_of sl ol eu el; case: f h => h.
- move: h; case e: (worst _ _ _ _ _) => [p|] // [et]; have [sg eg] := productE hs hs; apply: more; rewrite -et //.
  apply: (polar_rows); rewrite -eg.
  by apply: (product_treeE (xs := fun _ => x)) sg e => -[] // l first [<- <-].
- move: h; case e: (worst _ _ _ _ _) => [p|] // [et]; have [sh eh] := hatE hs; apply: more; rewrite -et dvM; first exact: mulr_ge0.
  apply: (hat_le (q := q)) => // a b a0 b0; rewrite /= -eh.
  have [sa ea] := scale_firstE a0 l1 sl; have [sb eb] := scale_firstE b0 r1 sr.
  have ga : on_group (done_vector d) (scale_first a x) (dleft_modes d) 0 (a *: u).
    by apply: group_of => // [one_|i]; [exact: scale_pairs (ol one_)|rewrite mxE eu ea].
  have gb : on_group (done_vector d) (scale_first b (fun k => x (size (dleft_modes d) + k)%N)) (dright_modes d) 0 (b *: v).
    by apply: group_of => // [one_|i]; [exact: scale_pairs (or_ one_)|rewrite mxE ev eb].
  apply: (product_treeE (xs := fun right => if right then scale_first b (fun k => x (size (dleft_modes d) + k)%N) else scale_first a x)) sh e.
  by move=> [] l first [<- <-]; [apply: group_right gb _|apply: group_left ga _].
move: h; case: ifP => // /andP[one_ /eqnP ss]; case e: (worst _ _ _ _ _) => [p|] // [et].
have [_ hx] := one_modeE u0 nd nt one_; have [h1 h2 em en_] := one_sizes nd nt one_.
have sizes_ (l : modes) : all (eqn (dinputs d)) (map fst l) -> map fst l = nseq (size l) (dinputs d).
  by elim: l => [|m l IH] //= /andP[/eqnP <- /IH ->].
have mn : dm d = dn d by rewrite em en_ ss.
have vE j : (j < dn d)%N -> product_at (dright_modes d) (fun k => x (size (dleft_modes d) + k)%N) j = product_at (dleft_modes d) x j.
  move=> hj; rewrite (@product_sizes _ (dleft_modes d)); last by rewrite sizes_ // [RHS]sizes_ // ss.
  apply: product_at_ext => [|k i hk hi]; first by rewrite el mn.
  by rewrite ex_ !hx // /modes_of size_cat ?ltn_add2l -?ss // ltn_addr.
pose P i := product_at (dleft_modes d) x i.
have dotE : dot u (mx (dm d) (dn d) s *m v) = qf (mx (dm d) (dm d) s) u.
  rewrite /qf !dot_col; apply: eq_bigr => i _; congr (_ * _); rewrite !mxE.
  transitivity (\sum_(j < dn d) en s i j * P j); first by apply: eq_bigr => j _; rewrite enE ev vE.
  by rewrite -mn; apply: eq_bigr => j _; rewrite enE eu.
have sqv : sq v = sq u.
  rewrite !sq_col; transitivity (\sum_(j < dn d) P j ^+ 2); first by apply: eq_bigr => j _; rewrite ev vE.
  by rewrite -mn; apply: eq_bigr => j _; rewrite eu.
have hs' : shape (dm d) (dm d) s by rewrite {2}mn.
have [hh eh] := half_sumE hs'; have [_ qh] := half_sum_qf u hs'.
apply: more; rewrite -et dvM; first exact: mulr_ge0.
have s1 : 0 <= qf (mx (dm d) (dm d) s) u by rewrite -dotE.
rewrite sqv dotE -[X in _ <= X * _]expr2 -[sq u * sq u]expr2 -exprMn ler_sqr ?nnegrE ?s1 ?(mulr_ge0 (max0 p) (sq_ge0 u)) //.
rewrite -[X in X <= _]/(dot u (mx (m q) (m q) s *m u)) -qh.
by apply: (product_treeE (xs := fun _ => x)) hh e => -[] // l first [<- <-].
Qed.

Lemma layer_ofE f a w h t : ddeep d = None -> is_tensor d = false -> dlayer d = Some (f, a) -> shape (dm d) (dn d) w ->
  layer_of mul d f a w h = Some t -> polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt el; have fl := flatE nd nt.
have eF : F q = mx (dpatches d) (dinputs d) f by rewrite /q /= el.
move: (layerE nd nt el) => [hf hp eU] hw; have [hx eX] := pullE hp hw.
have hU : ~~ largest_ d -> forall u : 'cV_(dinputs d), (mx (dm d) (dn d) w)^T *m hidden (q := q) u
    = (mx (dpatches d) (dn d) (pull_ d w))^T *m map_mx (act (dv a)) (mx (dpatches d) (dinputs d) f *m u).
  by move=> nl u; rewrite (pulledE _ _ fl (nl : ~~ take_largest q)) eX eU.
rewrite /layer_of; case eb: (bias_of _ _ _ _) => [bi|] //.
have [fb hg [far0 reach0] eG hb] := bias_ofE eb hf; case: ifP => // /norP[sums0 /negPn l1]; rewrite -outsideE in l1; have hp' := proj2 norms_okE.
have [cr hr_] := one_cost hp'.
have pricedE_ (u : 'cV_(dinputs d)) : priced (q := q) u = paid (dfree d) u by [].
have sum0 : dfree d -> forall j, \sum_i mx (dpatches d) (dn d) (pull_ d w) i j = 0.
  move=> fr j; have [_ es] := column_sumsE hx.
  have z0 : zeros (column_sums mul (dpatches d) (dn d) (pull_ d w)) by move: sums0; rewrite fr /= => /negPn.
  have := congr1 (fun A : 'M_(1, dn d) => A 0 j) es; rewrite (zerosE _ _ z0) [LHS]mxE mxE => total.
  by apply: etrans (esym total); apply: eq_bigr => i _; rewrite [const_mx _ _ _]mxE mul1r.
have biased_ : free_bias q -> biased (q := q) (mx (dm d) (dn d) w).
  move=> fr; have [_ _ [c _ ec]] := hb fr; split; last by rewrite -eX; exact: sum0.
  - rewrite -[take_largest q]/(largest_ d) /largest_; move: hp; rewrite /pool_ok; case: (dpool d) => [[p b]|] //.
    by move=> /and3P[_ _]; rewrite -[dfree d]/(free_bias q) fr andbF orbF.
  - by exists c; rewrite eF fr.
have up v : dv v <= dv (dmax v dzero) by rewrite dv_max le_max lexx.
have up0 v : 0 <= dv (dmax v dzero) by rewrite dv_max dv_zero le_max lexx orbT.
case: ifP => [large|/negbT nl].
  case: h => // each; case ep: (dpool d) hp => [[s b]|] // hp e.
  have [sp hs a0 nf] : [/\ size s = dpatches d, all (fun k => Nat.ltb k (dm d)) s, dv a = dv dzero & ~~ dfree d].
    move: hp large; rewrite /pool_ok /largest_ ep => /and3P[/eqnP sp hs] /orP[/negbTE ->//|/andP[/Z.eqb_eq z0 nf]] _.
    by split=> //; rewrite /dv z0 zr0 !mul0r.
  have t0 := outputs_square_ge0 e.
  apply: (polar_le_layer (q := q) normL normR fl l1) biased_ _ => // u u1.
  have su : sq u = 1.
    by rewrite -u1; congr sq; apply/matrixP => i j; rewrite mxE -[free_bias q]/(dfree d) (negbTE nf).
  apply: met_le_dual => //; apply: outputs_squareE e => j sign x v; have [hc ec] := column_atE j hw.
  have -> : ((mx (dm d) (dn d) w)^T *m hidden (q := q) u) j 0 = \sum_(i < dm d) mx (dm d) 1 (column_at (dm d) (dn d) w j) i 0
      * \big[Num.max/0]_(l < dpatches d | nth 0%N s l == i) act (dv dzero) ((mx (dpatches d) (dinputs d) f *m u) l 0).
    rewrite mxE; apply: eq_bigr => i _; rewrite ec [_^T j i]mxE [col _ _ _ _]mxE [hidden (q := q) u i 0]mxE (proj1 fl) (proj2 fl); congr (_ * _).
    rewrite -[take_largest q]/(largest_ d) large; apply: eq_big => [l|l _].
      by rewrite -[row_of_patch q l]/(row_of_patch_ d l) /row_of_patch_ ep.
    by rewrite eU -a0 [map_mx _ _ _ _]mxE.
  exact: pooled_squareE hf hc sp hs su.
have {}hU := hU nl; move: hx hU; set X := pull_ d w => hx hU.
case: h => //= [c trees|tr|each|c lo sh].
- case: c => //; case e: (layer_cones _ _ _ _ _ _ _ _ _ _) => [x|] // [<-] u v _ hv _ _ y0.
  have le_ : dot (hidden u) (mx (dm d) (dn d) w *m v)
      <= dv x * (\prod_(y <- sizes (q := q) u v) y).
    rewrite prod_sizesE //; have -> : dot (hidden u) (mx (dm d) (dn d) w *m v)
        = dot (map_mx (act (dv a)) (mx (dpatches d) (dinputs d) f *m u)) (mx (dpatches d) (dn d) X *m v).
      by rewrite dotC dot_mull hU -dot_mull dotC.
    apply: le_trans (hidden_conesE u hp' hf hx e hv _) _.
      move=> fr; have [_ _ [c _ ec]] := hb fr; split; [by exists c|exact: sum0].
    rewrite pricedE_; apply: ler_wpM2l; first exact: layer_cones_ge0 e.
    apply: ler_wpM2r; first exact: norm_ge0.
    by rewrite -ler_sqr ?nnegrE ?norm_ge0 ?l2_ge0 // norm_sqr sq_le_norm.
  by rewrite dvM -expr2 -exprMn ler_sqr ?nnegrE // (le_trans y0 le_).
- case e: (layer_square _ _ _ _ _ _ _ _ _ _ _ _) => [x|] // [<-].
  apply: (polar_le_layer (q := q) normL normR fl l1) biased_ _ => // [|u u1].
    by rewrite dvM mulr_ge0 // up0.
  rewrite dvM; apply: met_le_sq => //; apply: le_trans (up x); rewrite hU.
  by apply: (layer_outputE eb hf hx u1 sum0) e => //; left.
- move=> e; have t0 := outputs_square_ge0 e.
  apply: (polar_le_layer (q := q) normL normR fl l1) biased_ _ => // u u1.
  apply: met_le_dual => //; apply: outputs_squareE e => j sign tr v told_ ev.
  have [hc ec] := column_atE j hx; set y := _ *m _ in told_ *.
  have ey : output (dpatches d) f a u 1 (column_at (dpatches d) (dn d) X j) = const_mx (y j 0).
    apply/matrixP => i i'; rewrite !ord1 /output ec /y hU [RHS]mxE tr_col.
    by rewrite -row_mul [LHS]mxE.
  have sum1 : dfree d -> forall j', \sum_i mx (dpatches d) 1 (column_at (dpatches d) (dn d) X j) i j' = 0.
    by move=> fr j'; rewrite -[RHS](sum0 fr j); apply: eq_bigr => i _; rewrite ec mxE.
  have := layer_outputE eb hf hc u1 sum1 (or_intror erefl) _ ev.
  by rewrite ey sq_col big_ord1 mxE; apply=> b eb_ j'; rewrite ey mxE; exact: told_.
case: ifP => // /andP[/andP[a1 a1'] nf] [<-] u v _ _ _ _ _; have ea : dv a = 1.
  by apply/eqP; rewrite eq_le; move: a1 a1'; rewrite !dv_le oneE => -> ->.
have [hF eF'] := transposeE hf; have [hw' ew'] := transposeE hx; have [hp_ ep_] := productE hF hw'.
have -> : dot (hidden u) (mx (dm d) (dn d) w *m v)
    = dot u (mx (dinputs d) (dn d) (mul (transpose (dinputs d) f) (transpose (dn d) X)) *m v).
  rewrite dotC dot_mull hU -dot_mull dotC.
  have -> : map_mx (act (dv a)) (mx (dpatches d) (dinputs d) f *m u) = mx (dpatches d) (dinputs d) f *m u.
    by apply/matrixP => i j; rewrite mxE ea /act mul1r if_same.
  by rewrite dot_mull ep_ eF' ew' trmxK mulmxA.
apply: le_trans (spectral_bilinear c lo sh u v hp_) _; rewrite dvM -mulrA ler_wpM2l ?spectral_ge0 //.
rewrite prod_sizesE // pricedE_ /paid; have -> : \matrix_(i, j) (if dfree d && (i.+1 == dinputs d)%N then 0 else u i j) = u.
  by apply/matrixP => i j; rewrite mxE (negbTE nf).
rewrite exprMn mulrCA; apply: ler_pM; rewrite ?sq_ge0 //; first exact: sq_le_norm.
have one_ (x : 'cV[R]_(dn d)) : sq x = \sum_i 1 * x i 0 ^+ 2 by rewrite sq_col; apply: eq_bigr => i _; rewrite mul1r.
by rewrite one_; apply: costs_le.
Qed.

Lemma deep_ofE f c l a w h t : ddeep d = Some (f, c :: l, a) -> shape (dm d) (dn d) w ->
  deep_square mul f c l a w h = Some t -> polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> e hw ht u v _ _ cv _ _; have [c' [l' [[<- <-] hf em e1 [_ l1 a0 _]]]] := deepE e.
set M := size (ints f) in hf em; set n := last c l in em; move: ht; rewrite /deep_square -/M -/n.
set W := Grid (chunks M n (flatten (ints w))) (ex w).
have sw : all (fun r : seq Z => size r == 1%N) (ints w) by rewrite -e1; exact: shape_all hw.
have [hW1 hW3] := @chunksE M n (flatten (ints w)) (ex w) ltac:(by rewrite (size_flat sw) muln1 (proj1 hw) em).
have hW : shape M n W by exact: hW1.
have WE i j : (i < M)%N -> (j < n)%N -> en W i j = en w (i * n + j) 0.
  move=> hi hj; rewrite /en /entry_ /= hW3 // (nth_flat sw) ?divn1 ?modn1 // muln1 (proj1 hw) em.
  by apply: (@leq_trans (i.+1 * n)); [rewrite mulSn addnC ltn_add2r|rewrite leq_mul2r hi orbT].
pose x := number u; pose H i j := network (dv a) c l x (en f i) j.
pose S := \sum_(i < M) \sum_(j < n) en W i j * H i j.
have eS : sq ((mx (dm d) (dn d) w)^T *m hidden (q := q) u) = S ^+ 2.
  pose G j := (\sum_(p < dm d) en w p j * H (p %/ n)%N (p %% n)%N) ^+ 2.
  have -> : sq ((mx (dm d) (dn d) w)^T *m hidden (q := q) u) = \sum_(j < dn d) G j.
    rewrite sq_col; apply: eq_bigr => j _; rewrite mxE; congr (_ ^+ 2); apply: eq_bigr => p _.
    rewrite [_^T j p]mxE enE [hidden (q := q) u p 0]mxE /q /= e; congr (_ * network _ _ _ _ _ _).
    by rewrite /x; congr number; apply/matrixP => i k; rewrite !mxE !ord1.
  rewrite e1 big_ord1 /G /S; congr (_ ^+ 2).
  rewrite -(@sum_of_places R M n (fun i j => en W i j * H i j)) em; apply: eq_bigr => p _.
  have n0 : (0 < n)%N by have := leq_ltn_trans (leq0n _) (ltn_ord p); rewrite muln_gt0 => /andP[].
  by rewrite WE ?ltn_divLR ?ltn_mod // -divn_eq.
have eq_size : sizes (q := q) u v = layer_norms c l x by rewrite /sizes /q /= e.
move=> ht; suff hs : S ^+ 2 <= dv t * (\prod_(y <- layer_norms c l x) y) ^+ 2.
  have -> : dot (hidden u) (mx (dm d) (dn d) w *m v) = dot v ((mx (dm d) (dn d) w)^T *m hidden (q := q) u).
    by rewrite dotC dot_mull.
  have sv : sq v = 1.
    by move: cv; rewrite /completes /q /= e => ->; rewrite sq_ones e1.
  by apply: le_trans (cauchy_schwarz _ _) _; rewrite eS eq_size sv mul1r.
clear eS eq_size; rewrite /S /H; clear S H; move: hW; clearbody W; clear WE hW1 hW3 => hW.
case: l @n l1 ht {e em} hW => [|e2 l] n l1 ht hW //; case: h ht => //=.
- move=> cw cf lw lf sw_ sf [<-]; rewrite !dvM powerE dv_max oneE.
  have L1 : 1 <= Num.max 1 (dv a) by rewrite le_max lexx.
  have aL : dv a <= Num.max 1 (dv a) by rewrite le_max lexx orbT.
  have h0 := @deep_le R M (dv a) _ _ a0 L1 aL (spectral_ge0 M n cw W lw sw_) (dv (spectral_square mul M c cf f lf sf)) l c e2 x (en f) (en W).
  apply: h0; first by case: (l) l1.
    by move=> y; exact: spectral_squareT hf.
  by move=> y; exact: spectral_squareE hW.
move=> c1 lx sh; case: ifP => // /andP[]; rewrite !dv_le oneE => h1 h2 [<-].
have ea : dv a = 1 by apply/eqP; rewrite eq_le h1 h2.
have [ft eft] := transposeE hf; have [wt ewt] := transposeE hW; have [mt emt] := productE ft wt.
pose delta (k p : nat) : R := (p == k)%:R.
have -> : \sum_(i < M) \sum_(j < n) en W i j * network (dv a) c (e2 :: l) x (en f i) j
    = \sum_(k < c) \sum_(j < n) en (mul (transpose c f) (transpose n W)) k j * network (dv a) c (e2 :: l) x (delta k) j.
  pose N (k j : nat) : R := network 1 c (e2 :: l) x (delta k) j.
  have lin i (j : 'I_n) : network 1 c (e2 :: l) x (en f i) j = \sum_(k < c) en f i k * N k j.
    rewrite -network_sum //; apply: (@network_ext R 1 (e2 :: l)) => // p hp.
    rewrite (bigD1 (Ordinal hp)) //= /delta eqxx mulr1 big1 ?addr0 // => k kp.
    case: eqP => [ek|_]; last by rewrite mulr0.
    by case/eqP: kp; apply: val_inj.
  rewrite ea; transitivity (\sum_(i < M) \sum_(j < n) \sum_(k < c) en W i j * (en f i k * N k j)).
    by apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite lin mulr_sumr.
  transitivity (\sum_(k < c) \sum_(j < n) en (mul (transpose c f) (transpose n W)) k j * N k j); last by [].
  rewrite exchange_big [RHS]exchange_big; apply: eq_bigr => j _ /=.
  rewrite exchange_big; apply: eq_bigr => k _ /=.
  rewrite -(enE _ k j) emt eft ewt trmxK mxE mulr_suml; apply: eq_bigr => i _.
  by rewrite [_^T k i]mxE !enE; ring.
have := @deep_le R c (dv a) 1 (dv (spectral_square mul c n c1 (mul (transpose c f) (transpose n W)) lx sh)) a0 (lexx _) _ _
  1 l c e2 x delta (en (mul (transpose c f) (transpose n W))).
rewrite expr1n !mulr1; apply=> //.
- exact: spectral_ge0.
- by case: (l) l1.
- move=> y; rewrite mul1r; apply: ler_sum => i _; rewrite (bigD1 i) //= /delta eqxx mul1r big1 ?addr0 // => k ki.
  by rewrite val_eqE (negbTE ki) mul0r.
- by move=> y; exact: spectral_squareE mt.
Qed.

(* slices *)
Lemma is_l1E p k (u : 'cV[R]_k) : is_l1 p k -> norm (normv p) u = \sum_i `|u i 0|.
Proof.
case: p => [|||w|a|g|g] //= /eqnP e; move: u; rewrite e => u; first by rewrite !big_ord1 sqrtr_sqr.
by rewrite big_ord1 big_ord_recl big_ord0; apply/max_idPl.
Qed.

Lemma flat_nth (T S : Type) (z : S) (F : T -> seq S) k l c i : (forall c, size (F c) = k) -> List.In c l -> (i < k)%N ->
  exists p, (p < size (flatten (map F l)))%N /\ nth z (flatten (map F l)) p = nth z (F c) i.
Proof.
move=> hk; elim: l => [|e l IH] //= [->|/IH h] hi.
  by exists i; rewrite size_cat hk nth_cat hk hi ltn_addr.
have [p [hp ep]] := h hi; exists (k + p)%N.
by rewrite size_cat nth_cat hk ltn_add2l hp [(k + p < k)%N]ltnNge leq_addr addKn.
Qed.

Lemma largest_of (xs : seq dyadic) i : (i < size xs)%N -> dv (nth dzero xs i) <= dv (foldr dmax dzero xs).
Proof.
elim: xs i => [|y xs IH] [|i] //= hi; rewrite dv_max le_max ?lexx // IH ?orbT //.
Qed.

Lemma largest_ge0 (xs : seq dyadic) : 0 <= dv (foldr dmax dzero xs).
Proof. by elim: xs => [|y xs IH] /=; rewrite ?dv_zero // dv_max le_max IH orbT. Qed.

Lemma slice_atE m' n' w i : shape (dm d) (dn d) w -> dn d = (m' * n')%N -> (i < dm d)%N ->
  shape m' n' (slice_at m' n' w i) /\ forall a b, (a < m')%N -> (b < n')%N ->
    en (slice_at m' n' w i) a b = en w i (a * n' + b)%N.
Proof.
move=> [hm hn] e hi; have [h1 h2] := @chunksE m' n' (nth [::] (ints w) i) (ex w) ltac:(by rewrite hn // e).
by split=> // a b ha hb; rewrite /en /entry_ /= h2.
Qed.

Lemma slices_squareE w each t : ddeep d = None -> is_tensor d -> shape (dm d) (dn d) w ->
  slices_square mul d w each = Some t -> polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt hw; rewrite /slices_square.
case el: (dleft_modes d) => [|[k s] [|? ?]] //; case er: (dright_modes d) => [|[m1 s1] [|[n1 s2] [|? ?]]] //.
case en_: (dmode_norms d) => [|p [|p1 [|p2 [|? ?]]]] //.
case: ifP => // /andP[/andP[l1p wf] /eqnP sz]; case e: (all_of _) => [xs|] // [et] u0 v _ _ cu su w0.
have [x [ex_ eu ev ->]] := tensor_sliceE nd nt cu.
have [em en2 _ _ _] := tensorE nd nt; have [_ okm] := mode_norms_okE.
have ek : dm d = k by move: em; rewrite el /=; lia.
have emn : dn d = (m1 * n1)%N by move: en2; rewrite er /=; lia.
have sx : signed_by (modes_of d) x by rewrite ex_.
have s0 i : Statement.of_sign s (x 0%N i) by have := sx 0%N i; rewrite /modes_of el er.
have t1 i : Statement.of_sign s1 (x 1%N i) by have := sx 1%N i; rewrite /modes_of el er.
have t2 i : Statement.of_sign s2 (x 2%N i) by have := sx 2%N i; rewrite /modes_of el er.
pose a : 'cV[R]_m1 := \col_i x 1%N i; pose b : 'cV[R]_n1 := \col_j x 2%N j.
have ma : meets s1 a by move: t1; case: (s1) => //= h i j; rewrite mxE.
have mb : meets s2 b by move: t2; case: (s2) => //= h i j; rewrite mxE.
set W := mx (dm d) (dn d) w in w0 *; pose A i := mx m1 n1 (slice_at m1 n1 w i).
have T (i : 'I_(dm d)) : (W *m v) i 0 = dot a (A i *m b).
  have [h1 h2] := slice_atE hw emn (ltn_ord i).
  pose F c e := en w i (c * n1 + e)%N * (x 1%N c * x 2%N e).
  transitivity (\sum_(j < m1 * n1) F (j %/ n1)%N (j %% n1)%N).
    rewrite mxE -emn; apply: eq_bigr => j _; rewrite mxE -[zr _ * _]/(en w i j) ev er el /F -divn_eq /= PeanoNat.Nat.mul_1_r divn1.
    by rewrite mulr1.
  rewrite sum_of_places dot_col; apply: eq_bigr => c _; rewrite !mxE mulr_sumr; apply: eq_bigr => j _.
  by rewrite /F !mxE -[zr _ * _]/(en _ c j) h2 //; ring.
set q' := meaning (matrix_data m1 n1 p1 p2 s1 s2).
pose r := Num.sqrt (dv t).
have root c (i : 'I_(dm d)) (y : 'cV[R]_m1) (z : 'cV[R]_n1) : List.In c (slice_signs s s1 s2) -> meets s1 y -> meets s2 z ->
    dv c * dot y (A i *m z) <= r * (norm (normv p1) y * norm (normv p2) z).
  move=> hc my mz; pose F c := map (fun i => gscale c (slice_at m1 n1 w i)) (iota 0 k).
  have sF c' : size (F c') = k by rewrite size_map size_iota.
  have [j [hj ej]] := flat_nth (Grid [::] Z0) sF hc (ltac:(by rewrite -ek) : (i < k)%N).
  have sflat l : size (flatten (map F l)) = (size l * k)%N by elim: l => [|c' l IH] //=; rewrite size_cat sF IH mulSn.
  have hj' : (j < size (zip (flatten (map F (slice_signs s s1 s2))) each))%N by rewrite size_zip sz -sflat minnn.
  have [h1 h2] := all_ofE dzero e; rewrite size_map in h1 h2; have := h2 j hj'.
  rewrite (nth_map (Grid [::] Z0, Lines None)) // nth_zip ?sz ?sflat //= ej (nth_map 0%N) ?size_iota -?ek // nth_iota ?add0n -?ek //.
  have [hs _] := slice_atE hw emn (ltn_ord i); have [hg eg] := gscaleE c hs.
  move=> /(matrices wf) h; have {h} := h _ hg; rewrite /= => h.
  have okp : norm_ok p1 m1 by have := okm 1%N; rewrite en_ /modes_of el er.
  have {}h := h okp y z my mz; rewrite [mx _ _ _]eg -scalemxAl dotZr in h.
  have [neg|pos] := leP (dv c * dot y (A i *m z)) 0.
    by apply: le_trans neg _; rewrite mulr_ge0 ?sqrtr_ge0 // mulr_ge0 //; apply: norm_ge0; apply: norm_okE => //; have := okm 2%N; rewrite en_ /modes_of el er.
  have n0 : 0 <= norm (normv p1) y * norm (normv p2) z.
    by rewrite mulr_ge0 //; apply: norm_ge0; apply: norm_okE => //; have := okm 2%N; rewrite en_ /modes_of el er.
  have t0 : 0 <= dv t by rewrite -et; exact: largest_ge0.
  have rN : 0 <= r * (norm (normv p1) y * norm (normv p2) z) by apply: mulr_ge0 => //; exact: sqrtr_ge0.
  rewrite -ler_sqr ?nnegrE ?(ltW pos) //; apply: le_trans (h (ltW pos)) _.
  rewrite [leRHS]exprMn /r sqr_sqrtr // ler_wpM2r ?sqr_ge0 // -et; apply: largest_of; by rewrite h1.
have meetsN k' (y : 'cV[R]_k') s' : is_free s' -> meets s' (- y) by case: s'.
pose N := norm (normv p1) a * norm (normv p2) b.
have each_ (i : 'I_(dm d)) : x 0%N i * (W *m v) i 0 <= `|x 0%N i| * (r * N).
  rewrite T; have rt c hc := root c i a b hc ma mb; case: (leP 0 (x 0%N i)) => [pos|neg].
    rewrite ger0_norm //; move: pos; rewrite le_eqVlt => /orP[/eqP <-|pos]; first by rewrite !mul0r.
    rewrite ler_pM2l //; have in_ : List.In one (slice_signs s s1 s2).
      by have := s0 i; rewrite /slice_signs; case: (s) => [_|_|h] /=; [case: ifP => _; left|left|move: pos; rewrite ltNge h].
    by have := rt _ in_; rewrite oneE mul1r.
  rewrite ltr0_norm // -[X in X <= _]mulrNN ler_pM2l ?oppr_gt0 //.
  have [in_|in_] : List.In minus_one (slice_signs s s1 s2) \/ (is_free s1 || is_free s2) /\ List.In one (slice_signs s s1 s2).
  - have := s0 i; rewrite /slice_signs; case: (s) => [_|h|_] /=.
    + by case: ifP => f; [right; split=> //; left|left; right; left].
    + by move: neg; rewrite ltNge h.
    by left; left.
  - by have := rt _ in_; rewrite minus_oneE mulN1r.
  case: in_ => /orP[f|f] in_.
    by have := root one i (- a) b in_ (meetsN _ a _ f) mb; rewrite oneE mul1r normN dotNl.
  by have := root one i a (- b) in_ ma (meetsN _ b _ f); rewrite oneE mul1r normN mulmxN dotNr.
have -> : \prod_(j < size (modes_of d)) norm (nth L2 (mode_norms q) j) (\col_(i < (nth (0%N, Free) (modes_of d) j).1) x j i)
    = (\sum_(i < dm d) `|x 0%N i|) * N.
  rewrite [mode_norms q]/(map normv _) en_ /modes_of el er /= !big_ord_recl big_ord0 mulr1 /= is_l1E // ek.
  by congr (_ * _); apply: eq_bigr => i _; rewrite mxE.
have le_ : dot (hidden u0) (W *m v) <= r * ((\sum_(i < dm d) `|x 0%N i|) * N).
  rewrite dot_col mulrCA mulr_suml; apply: ler_sum => i _; rewrite eu el /= divn1 mulr1; exact: each_.
have t0 : 0 <= dv t by rewrite -et; exact: largest_ge0.
by rewrite -(sqr_sqrtr t0) -exprMn ler_sqr ?nnegrE // (le_trans w0 le_).
Qed.

Lemma power_squareE w tr t : ddeep d = None -> is_tensor d -> shape (dm d) (dn d) w ->
  power_square d w tr = Some t -> polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt hw; rewrite /power_square; case em: (modes_of d) => [|[k s] l] //; case en_: (dmode_norms d) => [|p ps] //.
rewrite -em -en_; case: ifP => // /andP[one_ same]; case e: (over_powers _ _ _ _ _ _) => [b|] // [et] u0 v _ _ cu su w0.
have [x [ex_ eu ev ->]] := tensor_sliceE nd nt cu; have [hm hx] := one_modeE u0 nd nt one_.
have [sz ed] := one_value nd nt one_ hw ex_ eu ev; have [snm okm] := mode_norms_okE.
have pos : (0 < size (modes_of d))%N by rewrite em.
have hp : norm_ok p (dinputs d).
  have := okm 0%N; rewrite en_ /= (_ : (nth (0%N, Free) (modes_of d) 0).1 = dinputs d) //.
  by have := all_nthP 0%N hm 0%N; rewrite size_map => /(_ pos) /eqnP ->; rewrite (nth_map (0%N, Free)).
have [b0 hb] := over_powersE hp sz e.
have mu : meets s u0.
  have s0 (i : 'I_(dinputs d)) : Statement.of_sign s (u0 i 0).
    have := su 0%N i; rewrite -[tensor_modes q]/(modes_of d) hx // em /= -(number_ord u0 i) //.
  by move: s0; case: (s) => //= h i j; rewrite ord1; exact: h.
have prod_ : \prod_(j < size (modes_of d)) norm (nth L2 (mode_norms q) j) (\col_(i < (nth (0%N, Free) (modes_of d) j).1) x j i)
    = norm (normv p) u0 ^+ size (modes_of d).
  transitivity (\prod_(j < size (modes_of d)) norm (normv p) u0); last by rewrite prodr_const card_ord.
  apply: eq_bigr => j _.
  have ej : (nth (0%N, Free) (modes_of d) j).1 = dinputs d.
    by have := all_nthP 0%N hm j; rewrite size_map => /(_ (ltn_ord j)) /eqnP ->; rewrite (nth_map (0%N, Free)).
  rewrite ej [mode_norms q]/(map normv _) (nth_map L2) ?snm //.
  have <- : p = nth L2 (dmode_norms d) j by apply: same_normE; apply: (all_nthP L2 same); rewrite snm.
  by congr (norm _ _); apply/matrixP => i i'; rewrite mxE ord1 ex_ hx // number_ord.
rewrite prod_; set N := norm _ _ ^+ _.
have N0 : 0 <= N by rewrite exprn_ge0 // norm_ge0 //; exact: norm_okE.
have le_ : dot (hidden u0) (mx (dm d) (dn d) w *m v) <= dv b * p2 (ex w) * N.
  rewrite ed [leRHS]mulrAC [leRHS]mulrC ler_wpM2l ?p2_ge0 //; exact: hb.
rewrite -et !dvM dvE mul1r -expr2 -exprMn ler_sqr ?nnegrE //.
by rewrite mulr_ge0 // mulr_ge0 // p2_ge0.
Qed.

(* x^T W x *)
Lemma unit_scale (c b N : R) : 0 <= N -> 0 <= b -> (forall a, 0 <= a -> a * N <= 1 -> a ^+ 2 * c <= b) -> c <= b * N ^+ 2.
Proof.
rewrite le_eqVlt => /orP[/eqP <-|N0] b0 h.
  rewrite expr0n mulr0 leNgt; apply/negP => cpos.
  have := h (1 + b / c); rewrite mulr0 ler01 => /(_ _ isT).
  have q0 : 0 <= b / c by rewrite divr_ge0 // ltW.
  rewrite addr_ge0 // => /(_ isT); rewrite leNgt => /negP; apply.
  have : (1 + b / c) ^+ 2 * c = c + b + b + (b / c) ^+ 2 * c by field; rewrite gt_eqF.
  by move=> ->; have := mulr_ge0 (sqr_ge0 (b / c)) (ltW cpos); move: (_ * c) => z; lra.
have := h N^-1; rewrite invr_ge0 (ltW N0) mulVf ?gt_eqF // lexx => /(_ isT isT).
by rewrite exprVn mulrC ler_pdivrMr // exprn_gt0.
Qed.

Lemma twin_conicE k p s w t b (z : 'cV[R]_k) : norm_ok p k -> (if p is Groups _ then false else true) -> shape k k w -> meets s z ->
  balls mul (Ball k p s false) (Ball 0 L2 Free false) (half_sum k w) (sparse_rows k (signed_at (Ball k p s false) 0) Z0) t = Some b ->
  norm (normv p) z <= 1 -> dot z (mx k k w *m z) <= 2 * dv b.
Proof.
move=> hp ng hw mz e z1; set l := Ball k p s false in e *; set r := Ball 0 L2 Free false in e *.
have ol : ball_ok (b := l) z by split=> //= g eg; move: ng; rewrite eg.
have or_ : ball_ok (b := r) (0 : 'cV[R]_0).
  by split=> //=; rewrite big1 ?sqrtr0 ?ler01 // => i _; rewrite mxE expr0n.
have [hh _] := half_sumE hw; have [sym qh] := half_sum_qf z hw; set rows := signed_at l 0 in e.
have [hf ef] := sparse_rowsE k Z0 (erefl (size rows)); have k0 := addn0 k.
have hh' : shape (k + 0) (k + 0) (half_sum k w) by rewrite k0.
have sym' : (mx (k + 0) (k + 0) (half_sum k w))^T = mx (k + 0) (k + 0) (half_sum k w) by rewrite k0.
have hf' : shape (size rows) (k + 0) (sparse_rows k rows Z0) by rewrite k0.
have zE i : number (col_mx z (0 : 'cV[R]_0)) i = number z i.
  have [hi|hi] := ltnP i k; first by have := z_left (l := l) (r := r) z (0 : 'cV[R]_0) hi.
  by rewrite /number !insubF //= ?k0 ltnNge hi.
have on : on_cone (size rows) (sparse_rows k rows Z0) (col_mx z (0 : 'cV[R]_0)).
  have -> : sparse_rows k rows Z0 = sparse_rows (k + 0) rows Z0 by rewrite k0.
  move=> i; have [_ ->] := sparse_rowsE (k + 0) Z0 (erefl (size rows)); rewrite mulr1.
  by apply: (signed_facts (b := l) (first := 0%N) mz (fun j _ => zE j)); exact: mem_nth.
have := ballsE ol or_ hh' sym' hf' on e; rewrite -qh.
have -> : qf (mx (k + 0) (k + 0) (half_sum k w)) (col_mx z 0) = qf (mx k k (half_sum k w)) z; last by [].
have ez : col_mx z (0 : 'cV[R]_0) = \col_(i < k + 0) number z i.
  by apply/matrixP => i j; rewrite ord1 -number_ord zE [RHS]mxE.
have ez' : z = \col_(i < k) number z i by apply/matrixP => i j; rewrite ord1 [RHS]mxE number_ord.
by rewrite ez [in RHS]ez' !qf_nat k0.
Qed.

Lemma twin_squareE w h t : ddeep d = None -> is_tensor d -> done_vector d -> shape (dm d) (dn d) w ->
  twin_square mul d w h = Some t -> polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt one_ hw; rewrite /twin_square.
case el: (dleft_modes d) => [|[k s] [|? ?]] //; case er: (dright_modes d) => [|[k' s'] [|? ?]] //.
case en_: (dmode_norms d) => [|p [|p' [|? ?]]] // ht u0 v _ _ cu su w0.
have [x [ex_ eu ev ->]] := tensor_sliceE nd nt cu; have [hm hx] := one_modeE u0 nd nt one_.
have [_ okm] := mode_norms_okE; have [em en2 _ _ _] := tensorE nd nt.
have em_ : modes_of d = [:: (k, s); (k', s')] by rewrite /modes_of el er.
have [ek ek'] : dinputs d = k /\ dinputs d = k' by move: hm; rewrite em_ /= => /and3P[/eqnP <- /eqnP <-].
have edm : dm d = k by move: em; rewrite el /=; lia.
have edn : dn d = k by move: en2; rewrite er /= -ek' ek; lia.
pose z : 'cV[R]_k := \col_i number u0 i.
have zn i : number z i = number u0 i.
  have [hi|hi] := ltnP i k; first by rewrite number_col.
  by rewrite /number !insubF //= ?ek ltnNge hi.
have xE j i : (j < 2)%N -> x j i = number u0 i by move=> hj; rewrite ex_ hx // em_.
have mz : meets s z.
  have s0 i : Statement.of_sign s (number u0 i) by have := su 0%N i; rewrite -[tensor_modes q]/(modes_of d) hx ?em_.
  by move: s0; case: (s) => //= h0 i j; rewrite mxE.
have hp : norm_ok p k by have := okm 0%N; rewrite en_ em_.
have hp' : norm_ok p' k by have := okm 1%N; rewrite en_ em_ /= -ek' ek.
have hw' : shape k k w by move: hw; rewrite edm edn.
have prod_ : \prod_(j < size (modes_of d)) norm (nth L2 (mode_norms q) j) (\col_(i < (nth (0%N, Free) (modes_of d) j).1) x j i)
    = norm (normv p) z * norm (normv p') z.
  rewrite [mode_norms q]/(map normv _) en_ em_ /= !big_ord_recl big_ord0 mulr1 /= -ek' ek.
  by congr (_ * _); congr norm; apply/matrixP => i j; rewrite !mxE xE.
have dotE : dot (hidden u0) (mx (dm d) (dn d) w *m v) = dot z (mx k k w *m z).
  rewrite !dot_col; transitivity (\sum_(i < dm d) number u0 i * (\sum_(j < dn d) en w i j * number u0 j)).
    apply: eq_bigr => i _; rewrite eu el /= divn1 mulr1 xE //; congr (_ * _); rewrite mxE; apply: eq_bigr => j _.
    by rewrite enE ev el er /= divn1 mulr1 xE.
  rewrite edm edn; apply: eq_bigr => i _; rewrite [z i 0]mxE; congr (_ * _); rewrite [RHS]mxE; apply: eq_bigr => j _.
  by rewrite enE [z j 0]mxE.
rewrite prod_ dotE in w0 *.
have plain h' : (let d' := matrix_data k k p p' s s in if well_formed d' then plain_square mul d' w h' else None) = Some t ->
    dot z (mx k k w *m z) ^+ 2 <= dv t * (norm (normv p) z * norm (normv p') z) ^+ 2.
  rewrite /=; case: ifP => // wf e; exact: (matrices wf (w := w) (h := h') (t := t) hp hw' e mz mz w0).
case: h ht => // [? ? ? ? ? ?|bx tr|?] ht; [exact: plain ht| |exact: plain ht]; move: ht.
case: bx => -[] [] //; case: ifP => // /andP[/same_normE epp ng]; case e: (balls _ _ _ _ _ _) => [b|] // [<-].
set B := dmax _ _; have B0 : 0 <= dv B by rewrite /B dv_max dv_zero le_max lexx orbT.
have N0 := norm_ge0 z (norm_okE hp); rewrite -epp dvM -!expr2 -exprMn ler_sqr ?nnegrE ?w0 ?(mulr_ge0 B0 (sqr_ge0 _)) //.
apply: unit_scale => // a a0 a1.
have /= := twin_conicE hp ng hw' (meetsZ a0 mz) e; rewrite normZ // => /(_ a1) h.
have -> : a ^+ 2 * dot z (mx k k w *m z) = dot (a *: z) (mx k k w *m (a *: z)).
  by rewrite -scalemxAr dotZl dotZr mulrA expr2.
by apply: le_trans h _; rewrite /B dv_max dvD le_max; apply/orP; left; rewrite mulr_natl mulr2n.
Qed.

(* the corners of cubes in each mode but the first *)
Lemma cube_cornersE n l (X : nat -> nat -> R) (N : nat -> R) (v : nat -> R) w : size w = (size_of l * n)%N ->
  (forall k, 0 <= N k) -> (forall k i, `|X k i| <= N k) -> signed_by l X ->
  all (fun r => size r == n) (cube_corners n l w) /\ exists2 r, r \in cube_corners n l w &
  \sum_(p < size_of l * n) at_ w p * (product_at l X (p %/ n)%N * v (p %% n)%N)
  <= (\prod_(k < size l) N k) * (\sum_(j < n) at_ r j * v j).
Proof.
move=> + N0; elim: l X N w N0 => [|[k s] l IH] X N w N0.
  rewrite -[size_of [::]]/1%N mul1n => hw _ _ /=; rewrite hw eqxx; split=> //; exists w; rewrite ?inE //.
  by rewrite big_ord0 mul1r le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => p _; rewrite mul1r modn_small.
rewrite -[size_of _]/(k * size_of l)%N -mulnA => hw hX sX; set S := size_of l in hw *.
rewrite [cube_corners _ _ _]/(flatten _) -/S; set c := chunks _ _ _.
have sc : size c = k by exact: size_chunks.
have cs : all (fun r => size r == (S * n)%N) c by apply: (all_sized sc) => a ha; exact: sized_chunks.
pose V p : R := product_at l (fun j => X j.+1) (p %/ n)%N * v (p %% n)%N.
have s0 i : Statement.of_sign s (X 0%N i) by exact: (sX 0%N i).
have [sz [y yc hy]] := at_cornersE (\col_(p < S * n) V p) (N0 0%N) cs s0 (hX 0%N).
have each y' : y' \in at_corners (S * n) s c -> _ := fun hy' =>
  IH (fun j => X j.+1) (fun j => N j.+1) y' (fun j => N0 j.+1) (eqP (allP sz _ hy')) (fun j => hX j.+1) (fun j => sX j.+1).
split; first by apply/allP => r /flattenP[rs /mapP[y' hy' ->]]; case: (each y' hy') => /allP h _; exact: h.
have [_ [r hr le_]] := each y yc; exists r; first by apply/flattenP; exists (cube_corners n l y) => //; apply/mapP; exists y.
rewrite [\prod_(_ < _) _]big_ord_recl -mulrA; apply: le_trans (_ : N 0%N * (\sum_(p < S * n) at_ y p * V p) <= _); last exact: ler_wpM2l.
have row_ z : meets_row (\col_(p < S * n) V p) z = \sum_(p < S * n) at_ z p * V p by apply: eq_bigr => p _; rewrite mxE.
rewrite row_ sc in hy; apply: le_trans hy; rewrite le_eqVlt; apply/orP; left; apply/eqP.
have [_ hc] := @chunksE k (S * n) w Z0 ltac:(by rewrite hw).
pose F a b := at_ w (a * (S * n) + b) * (X 0%N a * V b).
transitivity (\sum_(p < k * (S * n)) F (p %/ (S * n))%N (p %% (S * n))%N).
  apply: eq_bigr => p _; rewrite /F -divn_eq /V /=; move: (nat_of_ord p) => i.
  rewrite -!mulrA; congr (_ * (X 0%N _ * (product_at _ _ _ * v _))).
  - by rewrite [(S * n)%N]mulnC divnMA.
  - by rewrite modn_divl.
  by rewrite modn_dvdm // dvdn_mull.
rewrite sum_of_places; apply: eq_bigr => a _; rewrite row_ mulr_sumr; apply: eq_bigr => b _.
by rewrite /F /at_ hc //; ring.
Qed.

Lemma cubes_squareE w level t : ddeep d = None -> is_tensor d -> shape (dm d) (dn d) w ->
  cubes_square d w level = Some t -> polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt hw0; rewrite /cubes_square; case el: (dleft_modes d) => [|[k s] [|? ?]] //.
case en_: (dmode_norms d) => [|p cubes] //; case: ifP => // cube [et] u0 v _ _ cu su w0.
have [x [ex_ eu ev ->]] := tensor_sliceE nd nt cu; have [em er _ _ _] := tensorE nd nt; have [snm okm] := mode_norms_okE.
have ek : dm d = k by move: em; rewrite el /=; lia.
have [hw ew] := finer_forE p hw0; move: et; set w1 := finer_for p w in hw ew *; set lv := (if level is Some _ then _ else _) => et.
have hp : norm_ok p k by have := okm 0%N; rewrite en_ /modes_of el.
have sx : signed_by (modes_of d) x by rewrite ex_.
have [_ sr] := signed_cat sx; rewrite el in sr.
have [ht et'] := transposeE hw; set T := transpose _ _ in ht et' et.
have sT : size (flatten (ints T)) = (size_of (dright_modes d) * k)%N.
  by rewrite (size_flat (shape_all ht)) (proj1 ht) -er ek.
pose N j := norm LInf (\col_(i < (nth (0%N, Free) (modes_of d) (1 + j)).1) x (1 + j)%N i).
have N0 j : 0 <= N j by exact: (norm_ge0 (p := LInf) _ I).
have xN j i : `|x (1 + j)%N i| <= N j.
  have [hi|hi] := ltnP i (nth (0%N, Free) (modes_of d) (1 + j)).1.
    have := le_bigmax 0 (fun a => `|(\col_(i < (nth (0%N, Free) (modes_of d) (1 + j)).1) x (1 + j)%N i) a 0|) (Ordinal hi).
    by rewrite mxE.
  by rewrite ex_ /vector -[tensor_modes q]/(modes_of d) ltnNge hi normr0.
have [sz [r hr le_]] := cube_cornersE (x 0%N) sT N0 xN sr.
set C := Grid _ _ in et; have hC : shape (size (ints C)) k C.
  by split=> // i hi; have /all_nthP -/(_ [::] i hi)/eqP := sz.
have [c [cpos c2] hc] := largest_rowE lv s hp hC; rewrite -/C et in c2.
pose u1 : 'cV[R]_k := \col_i x 0%N i.
have mu : meets s u1.
  have s0 i : Statement.of_sign s (x 0%N i) by have := sx 0%N i; rewrite /modes_of el.
  by move: s0; case: (s) => //= h i j; rewrite mxE; exact: h.
have hi : (index r (ints C) < size (ints C))%N by rewrite index_mem.
have := hc (Ordinal hi) u1 mu; rewrite meets_rowE /= nth_index // => le2.
have aT p0 : (p0 < size_of (dright_modes d) * k)%N -> at_ (flatten (ints T)) p0 * p2 (ex w1) = en w1 (p0 %% k) (p0 %/ k).
  move=> hp0; have k0 : (0 < k)%N by move: hp0; case: (posnP k) => // ->; rewrite muln0.
  have hd : (p0 %/ k < dn d)%N by rewrite ltn_divLR // -er.
  have hm : (p0 %% k < dm d)%N by rewrite ek ltn_mod.
  have <- : en T (p0 %/ k) (p0 %% k) = en w1 (p0 %% k) (p0 %/ k).
    by have := congr1 (fun M : 'M_(dn d, dm d) => M (Ordinal hd) (Ordinal hm)) et'; rewrite [RHS]mxE !enE.
  have sT' : all (fun r => size r == k) (ints T) by rewrite -ek; exact: shape_all ht.
  by rewrite /at_ (nth_flat sT') // (proj1 ht) -er.
have dotE : dot (hidden u0) (mx (dm d) (dn d) w *m v)
    = (\sum_(p < size_of (dright_modes d) * k) at_ (flatten (ints T)) p
        * (product_at (dright_modes d) (fun j => x (1 + j)%N) (p %/ k)%N * x 0%N (p %% k)%N)) * p2 (ex w1).
  rewrite -ew dot_col; pose F j i := en w1 i j * (product_at (dright_modes d) (fun j => x (1 + j)%N) j * x 0%N i).
  transitivity (\sum_(j < dn d) \sum_(i < k) F j i).
    rewrite exchange_big -ek; apply: eq_bigr => i _; rewrite eu el /= divn1 mulr1 [X in _ * X]mxE mulr_sumr; apply: eq_bigr => j _.
    by rewrite enE ev el /F; ring.
  by rewrite -er -sum_of_places mulr_suml; apply: eq_bigr => p0 _; rewrite /F -(aT _ (ltn_ord p0)); ring.
have prod_ : \prod_(j < size (modes_of d)) norm (nth L2 (mode_norms q) j) (\col_(i < (nth (0%N, Free) (modes_of d) j).1) x j i)
    = norm (normv p) u1 * \prod_(j < size (dright_modes d)) N j.
  have em_ : modes_of d = (k, s) :: dright_modes d by rewrite /modes_of el.
  pose G j := norm (nth L2 (mode_norms q) j) (\col_(i < (nth (0%N, Free) (modes_of d) j).1) x j i).
  have -> : \prod_(j < size (modes_of d)) G j = G 0%N * \prod_(j < size (dright_modes d)) G j.+1.
    by rewrite [in LHS]em_ big_ord_recl.
  congr (_ * _); first by rewrite /G [mode_norms q]/(map normv _) en_ em_.
  apply: eq_bigr => j _; have sj : (j < size cubes)%N by move: snm; rewrite en_ em_ /= => -[->].
  have := all_nthP L2 cube j sj; rewrite /G [mode_norms q]/(map normv _) en_ /= (nth_map L2) //.
  by case: (nth L2 cubes j).
rewrite prod_; set M := norm _ u1 * _; have M0 : 0 <= M.
  by rewrite mulr_ge0 ?norm_ge0 ?prod_ge0 //; [exact: norm_okE|apply: prodr_ge0].
have le3 : dot (hidden u0) (mx (dm d) (dn d) w *m v) <= c * M.
  rewrite dotE; apply: le_trans (ler_wpM2r (p2_ge0 (ex w1)) le_) _.
  rewrite /M [norm _ u1 * _]mulrC mulrCA -mulrA ler_wpM2l //; first by apply: prodr_ge0.
  apply: le_trans le2; rewrite le_eqVlt; apply/orP; left; apply/eqP; congr (_ * _).
  by apply: eq_bigr => j _; rewrite mxE.
by rewrite -c2 -exprMn ler_sqr ?nnegrE // mulr_ge0.
Qed.

Lemma tensor_ruleE w h t : ddeep d = None -> is_tensor d -> shape (dm d) (dn d) w -> tensor_rule mul d w h = Some t ->
  polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt hw; case: h => //= [f n' sp tr|[] trees|[] level|each] //.
- exact: product_squareE.
- exact: power_squareE.
- exact: cubes_squareE.
exact: slices_squareE.
Qed.

Lemma tensor_squareE w h t : ddeep d = None -> is_tensor d -> shape (dm d) (dn d) w -> tensor_square mul d w h = Some t ->
  polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd nt hw; rewrite /tensor_square; case: (boolP (done_vector d)) => /= [one_|_]; last exact: tensor_ruleE.
case: ifP => _; first exact: twin_squareE.
case e: (tensor_rule _ _ _ _) => [x|] // [<-] u v mu mv cu su w0.
have [y [ey eu ev ep]] := tensor_sliceE nd nt cu; have [ho eo] := over_ordersE nd nt one_ hw ey eu ev.
set K := _`! in eo; have K0 : 0 < K%:R :> R by rewrite ltr0n fact_gt0.
have := tensor_ruleE nd nt ho e mu mv cu su; rewrite eo => /(_ (mulr_ge0 (ltW K0) w0)).
rewrite exprMn -ler_pdivlMl ?exprn_gt0 // => /le_trans; apply; rewrite mulrA ler_wpM2r ?sqr_ge0 //.
have ek : zr (square_ (orders (size (modes_of d)))) = K%:R ^+ 2 by rewrite squareE ordersE.
by rewrite mulrC; apply: over_upE => //; rewrite -zr_pos ek exprn_gt0.
Qed.

Lemma layers_ne : size (widths q) != 1.
Proof.
rewrite /q /=; case nd: (ddeep d) => [[[f w] a]|] //; have [c [l [-> _ _ _ [_ l1 _ _]]]] := deepE nd.
by case: (l) l1.
Qed.

Lemma matrix_okE : ddeep d = None -> is_tensor d = false -> dlayer d = None ->
  [/\ dinputs d = dm d, ~~ dfree d & norm_ok (dleft_norm d) (dm d)].
Proof.
move=> nd nt e; case/and5P: (good) => _ _ _ _ /and5P[/andP[+ _] _ _ _ _].
by rewrite /layer_ok nd nt e => /and4P[/eqnP k _ nf _]; split=> //; rewrite -k; have [] := norms_okE.
Qed.

(* of a matrix or a tensor *)
Lemma flat_squareE w h t : ddeep d = None -> dlayer d = None -> shape (dm d) (dn d) w -> flat_square mul d w h = Some t ->
  polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> nd e hw; rewrite /flat_square; case nt: (is_tensor d); first exact: tensor_squareE.
have [k nf hp] := matrix_okE nd nt e.
move=> ht; apply: (polar_le_plain (q := q) (e := k)) => // [|u|]; [exact: flatE|exact: hidden_plain|].
exact: (plain_squareE hp hw ht).
Qed.

Lemma flat_costE c (u : 'cV[R]_(dinputs d)) (v : 'cV[R]_(dn d)) : ddeep d = None -> dlayer d = None ->
  flat_cost d = Some c -> completes (q := q) u v ->
  sq (hidden (q := q) u) * sq v <= dv c * (\prod_(e <- Statement.sizes (q := q) u v) e) ^+ 2.
Proof.
move=> nd e; rewrite /flat_cost; case nt: (is_tensor d).
  case: ifP => // out [<-] cu; have [x [_ eu ev ->]] := tensor_sliceE nd nt cu; rewrite oneE mul1r.
  exact: sq_le_sizes.
have [k nf hp] := matrix_okE nd nt e.
have [cl0 hl] := one_cost hp; have [cr0 hr] := one_cost (proj2 norms_okE).
move=> [<-] _; rewrite dvM prod_sizesE; last exact: flatE.
rewrite (hidden_plain k u nd nt e) (priced_all (q := q) _ nf).
have -> : norm (left_norm q) u = norm (left_norm q) (castmx (k, erefl) u).
  by move: (left_norm q) => p; move: u; rewrite /q /=; case: _ / k => u; rewrite castmx_id.
have one_ a (y : 'cV[R]_a) : sq y = \sum_i 1 * y i 0 ^+ 2 by rewrite sq_col; apply: eq_bigr => i _; rewrite mul1r.
rewrite [X in _ <= _ * X]exprMn mulrACA; apply: ler_pM; rewrite ?sq_ge0 // one_; apply: costs_le => //; exact: norm_okE.
Qed.

Lemma flat_cost_ge0 c : ddeep d = None -> dlayer d = None -> flat_cost d = Some c -> 0 <= dv c.
Proof.
move=> nd e; rewrite /flat_cost; case nt: (is_tensor d); first by case: ifP => // _ [<-]; rewrite oneE.
have [k nf hp] := matrix_okE nd nt e; move=> [<-].
by have [h _] := one_cost hp; have [h' _] := one_cost (proj2 norms_okE); rewrite dvM mulr_ge0.
Qed.

Lemma near_squareE w z x c t : ddeep d = None -> dlayer d = None -> shape (dm d) (dn d) w -> shape (dm d) (dn d) x ->
  0 <= dv z -> polar_le (q := q) (mx (dm d) (dn d) x) (dv t) -> flat_cost d = Some c ->
  polar_le (q := q) (mx (dm d) (dn d) w) (dv (near_square d w z x c t)).
Proof.
move=> nd el hw hx z0 h hc; have [hg eg] := gscaleE z hx; have [he ee] := gsubE hw hg.
rewrite /near_square; move: (gsub w (gscale z x)) he ee => E he ee.
have max0 y : 0 <= dv (dmax y dzero) by rewrite dv_max dv_zero le_max lexx orbT.
have [T0 hT] := sqrt_upE (max0 t).
move: (sqrt_up (dmax t dzero)) T0 hT => T T0 hT.
have w0 : 0 <= dv (dmul (inner E E) c) by rewrite dvM (innerE he he) mulr_ge0 ?sq_ge0 //; exact: flat_cost_ge0 nd el hc.
have [Q0_ hQ] := sqrt_upE w0; move: (sqrt_up (dmul _ _)) Q0_ hQ => Q Q0_ hQ.
rewrite dvM (innerE he he) -/(sq _) in hQ.
have {}hT : dv t <= dv T ^+ 2 by apply: le_trans hT; rewrite dv_max le_max lexx.
have -> : dv (dmul (dadd (dmul z T) Q) (dadd (dmul z T) Q)) = (dv z * dv T + dv Q) ^+ 2 by rewrite dvM dvD dvM expr2.
apply: (near_le (q := q) normL normR normM h _ z0 (c := dv c) _ T0 hT Q0_ hQ); last by move=> u v; exact: flat_costE.
by rewrite ee eg addrC subrK.
Qed.

Lemma square_ofE w h t : shape (dm d) (dn d) w -> square_of mul d w h = Some t ->
  polar_le (q := q) (mx (dm d) (dn d) w) (dv t).
Proof.
move=> hw; rewrite /square_of; case nd: (ddeep d) => [[[f wd] a]|].
  by have [c [l [ew _ _ _ _]]] := deepE nd; rewrite ew; apply: deep_ofE => //; rewrite nd ew.
case e: (dlayer d) => [[f a]|].
  apply: layer_ofE => //; case nt: (is_tensor d) => //.
  by case/and5P: (good) => _ _ _ _ /and5P[/andP[+ _] _ _ _ _]; rewrite /layer_ok nd nt /tensor_ok e => /and5P[].
case: h => [????|??????|??|?|??|?|?|?|??????|???|??|z x h|?] ht; try exact: flat_squareE ht.
move: ht; case: ifP => // /andP[/shapedP hx z0]; case e': (flat_square _ _ _ _) => [t'|] //; case ec: (flat_cost d) => [c|] // [<-].
by apply: near_squareE => //; [rewrite -dv_ge0|exact: flat_squareE e'].
Qed.

Lemma multipleE p s : multiple mul d p = Some s -> let W := mx (dm d) (dn d) (dW p) in
  exists t, [/\ polar_le (q := q) W t,
    0 <= dv s, dv s ^+ 2 * t <= lam q ^+ 2, affordable (q := q) (dv s) W
    & [/\ shape (dm d) (dn d) (dW p), supported (dW p) (dC d) & affordable_ mul d s (dW p)]].
Proof.
rewrite /multiple; case e: (square_of _ _ _ _) => [t|] //; move: (limit_of _ _ _ _) => h.
case: ifP => // /and4P[_ /shapedP hw hs ho] [<-] /=; have [s0 st] := scaleE h (dlam d) t.
by exists (dv t); split=> //; [exact: square_ofE e|exact: affordableE].
Qed.

Lemma insideE s w : ~~ counted (dloss d) -> shape (dm d) (dn d) w -> inside d (gscale s w) ->
  forall i j, is_slope (loss q) (C q i j) (turned (loss q) (Y q i j) (dv s * mx (dm d) (dn d) w i j)).
Proof.
move=> nc hw; have [h1 e1] := gscaleE s hw.
have {}e1 i j : mx (dm d) (dn d) (gscale s w) i j = dv s * mx (dm d) (dn d) w i j.
  by rewrite e1 [LHS]mxE.
have [hx ex2] := turned_E h1; rewrite /inside; set x := turned_ _ _ in hx ex2 *.
have ex_ i j : mx (dm d) (dn d) x i j = turned (loss q) (Y q i j) (dv s * mx (dm d) (dn d) w i j).
  by rewrite ex2 e1.
have scaled y := gscaleE y Cm.
have lo y : le_ (gscale y (dC d)) x -> forall i j, dv y * C q i j <= mx (dm d) (dn d) x i j.
  by have [hy ey] := scaled y; move/(le_E hy hx) => h i j; have := h i j; rewrite ey [leLHS]mxE.
have hi y : le_ x (gscale y (dC d)) -> forall i j, mx (dm d) (dn d) x i j <= dv y * C q i j.
  by have [hy ey] := scaled y; move/(le_E hx hy) => h i j; have := h i j; rewrite ey [leRHS]mxE.
have pos : nonneg x -> forall i j, 0 <= mx (dm d) (dn d) x i j by move/(meetsE (s := NonNegative) hx).
have top_ : le_ x (dC d) -> forall i j, mx (dm d) (dn d) x i j <= C q i j by move/(le_E hx Cm).
move=> h i j; rewrite -ex_; move: nc h; rewrite /q /=; case: (dloss d) => [|y|y||||||| ] //= _.
- by case/andP => /lo/(_ i j) + /hi/(_ i j); rewrite dvB dv_zero sub0r => -> ->.
- by case/andP => /lo/(_ i j) + /hi/(_ i j); rewrite dvB oneE => -> ->.
- by case/andP => /lo/(_ i j) + /top_/(_ i j); rewrite minus_oneE mulN1r => -> ->.
- by case/andP => /pos/(_ i j) -> /top_/(_ i j) ->.
- by move/pos.
- by case/andP => /pos/(_ i j) -> /top_/(_ i j) ->.
Qed.

Lemma dual_valueE w s : ~~ transcendental (dloss d) -> shape (dm d) (dn d) w -> supported w (dC d) -> affordable_ mul d s w ->
  dv (dual_value mul d w s) <= dv s * dot (mx (dm d) (dn d) w) (Y q)
    - dv s ^+ 2 * (bent (loss q) (over (q := q) (mx (dm d) (dn d) w)) + cost (q := q) (mx (dm d) (dn d) w)) / 2.
Proof.
move=> nl hw hs ho; rewrite /dual_value (negbTE nl) dvB dv_half !dvM -expr2 (innerE hw Ym) lerD2l lerN2.
rewrite ler_wpM2r ?invr_ge0 // ler_wpM2l ?sqr_ge0 // dvD lerD ?(costE hw ho) // bendE.
by apply: bent_le; exact: squares_over_upE.
Qed.

(* the dual value of s W, and what factors cost beside it, is a bound *)
Definition bounds_all w s : Prop :=
  0 <= dv s -> shape (dm d) (dn d) w -> supported w (dC d) -> affordable_ mul d s w -> inside d (gscale s w) ->
  forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o ->
  dv (dual_value mul d w s) + margin (q := q) (mx (dm d) (dn d) w) (dv s) U V <= objective U V o.

Lemma dual_value_logistic w s : logistic (dloss d) -> bounds_all w s.
Proof.
move=> hl s0 hw hs ho hi r U V o hx; have nc : ~~ counted (dloss d) by move: hl; case: (dloss d).
have el := is_logistic hl.
have hf := affordableE hw ho; have [hg eg] := gscaleE s hw; have [h1 e1] := turned_E hg.
set A := turned_ _ _ in h1 e1; set e := Z.min (ex A) (ex (dC d)).
have [hA eA] := regridE (min_left _ _ : Z.leb e (ex A)) h1.
have [hC eC] := regridE (min_right _ _ : Z.leb e (ex (dC d))) Cm.
set gA := Grid (regrid A e) e in hA eA; set gC := Grid (regrid (dC d) e) e in hC eC.
pose al i j := arg (log_above (entry_ gA i j) (entry_ gC i j)).
pose be i j := arg (log_above (Z.sub (entry_ gC i j) (entry_ gA i j)) (entry_ gC i j)).
have aE i j : turned Logistic (Y q i j) (dv s * mx (dm d) (dn d) w i j) = zr (entry_ gA i j) * p2 e.
  have := e1 i j; rewrite -eA eg el [X in turned _ _ X]mxE => <-; by rewrite mxE.
have cE i j : C q i j = zr (entry_ gC i j) * p2 e.
  by rewrite -[C q]/(mx (dm d) (dn d) (dC d)) -eC mxE.
have hlq : logistic (loss q) by rewrite el.
have hsup i j := support i j hw Cm c0 hs.
have low := weak_duality_logistic (q := q) P0 Q0 X0 R0 (s := dv s) s0 hf (alpha := fun i j => al i j)
  (beta := fun i j => be i j) el hsup (logistic_labelsE hlq) _ hx.
apply: le_trans (low _).
  rewrite lerD2r; have no : classes (dloss d) = false by move: hl; case: (dloss d).
  rewrite /dual_value /transcendental hl /likelihoods no hl dvB dv_half !dvM -expr2; apply: lerB.
    rewrite /entropies -/A -/e /dv /= (sum_rowsE _ hA hC) mulr_suml; apply: ler_sum => i _.
    rewrite mulr_suml; apply: ler_sum => j _; rewrite aE cE zrN zrD !zrM zrB (p2D _ (Zneg 100)) /al /be /arg.
    by rewrite le_eqVlt; apply/orP; left; apply/eqP; ring.
  by rewrite ler_pM2r ?invr_gt0 // ler_wpM2l ?sqr_ge0 //; exact: costE hw ho.
move=> i j; have := insideE nc hw hi i j; rewrite el aE cE /is_slope => /andP[a0 ac].
have p0 := p2_gt0 e; rewrite pmulr_lge0 // -zr0 zr_le in a0; rewrite ler_pM2r // zr_le in ac.
have [c_ a1 b0 b1] := parts_of a0 ac.
split.
- by rewrite /= mulr_ge0 ?(ltW p0) -?zr0 ?zr_le //= ler_pM2r // zr_le.
- by rewrite mulrAC ler_pM2r //; exact: log_aboveE.
- by rewrite -mulrBl -zrB mulrAC ler_pM2r //; exact: log_aboveE.
Qed.

(* counts: what their logarithms prove *)
Lemma counts_lessE g : shape (dm d) (dn d) g -> shape (dm d) (dn d) (counts_less d g) /\
  forall i j, mx (dm d) (dn d) (counts_less d g) i j = C q i j * Y q i j - mx (dm d) (dn d) g i j.
Proof.
move=> hg; have [h1 e1] := entrywiseE Cm Ym; have [h2 e2] := gsubE h1 hg.
by split=> // i j; rewrite e2 [LHS]mxE [(- _ : 'M_(_, _)) _ _]mxE e1.
Qed.

Lemma hundred (x : R) : x * p2 100 * p2 (Zneg 100) = x.
Proof. by rewrite -mulrA -p2D -[p2 _]/(1 : R) mulr1. Qed.

Lemma exponentialsE g : shape (dm d) (dn d) g ->
  (forall i j, C q i j = 0 -> mx (dm d) (dn d) g i j = 0) ->
  (forall i j, 0 <= C q i j * Y q i j - mx (dm d) (dn d) g i j) ->
  let k i j := C q i j * Y q i j - mx (dm d) (dn d) g i j in
  exists alpha : 'I_(dm d) -> 'I_(dn d) -> R,
    dv (exponentials d g) = \sum_i \sum_j (k i j - k i j * alpha i j)
    /\ forall i j, 0 <= k i j /\ k i j <= C q i j * exp (alpha i j).
Proof.
move=> hg off pos k; have [h1 e1] := counts_lessE hg; rewrite /exponentials.
move: (counts_less d g) h1 e1 => x h1 e1; set e := Z.min (ex x) (ex (dC d)).
have [hA eA] := regridE (min_left _ _ : Z.leb e (ex x)) h1.
have [hC eC] := regridE (min_right _ _ : Z.leb e (ex (dC d))) Cm.
set gA := Grid (regrid x e) e in hA eA; set gC := Grid (regrid (dC d) e) e in hC eC.
have kE i j : k i j = zr (entry_ gA i j) * p2 e by rewrite /k -e1 -eA mxE.
have cE i j : C q i j = zr (entry_ gC i j) * p2 e by rewrite -[C q]/(mx (dm d) (dn d) (dC d)) -eC mxE.
exists (fun i j => arg (log_above (entry_ gA i j) (entry_ gC i j))); split.
  rewrite /dv /= (sum_rowsE _ hA hC) mulr_suml; apply: eq_bigr => i _; rewrite mulr_suml; apply: eq_bigr => j _.
  rewrite kE /arg zrM zrB half_E (p2D e (Zneg 100)); have h := hundred (zr (entry_ gA i j) * p2 e).
  move: (p2 100) (p2 (Zneg 100)) (zr (log_above _ _)) h => u v w h.
  rewrite mulrBr mulrBl; congr (_ - _); last by ring.
  by rewrite -[RHS]h; ring.
move=> i j; split; first exact: pos.
have p0 := p2_gt0 e; have k0 := pos i j; rewrite -/(k i j) kE pmulr_lge0 // -zr0 zr_le in k0.
have c_ := C0 i j; rewrite cE pmulr_lge0 // -zr0 zr_le in c_.
rewrite kE cE mulrAC ler_pM2r //; apply: log_aboveE => //.
case: (boolP (Z.ltb Z0 (entry_ gC i j))) => //= hc.
have z0 : C q i j = 0 by rewrite cE (none_left c_ hc) zr0 mul0r.
by have := kE i j; rewrite /k off // z0 mul0r subr0 => /esym/eqP; rewrite mulf_eq0 (gt_eqF p0) orbF -zr0 eq_le !zr_le => /andP[].
Qed.

Lemma divergencesE g : shape (dm d) (dn d) g -> nonneg (gadd (dC d) g) -> supported (dY d) (gadd (dC d) g) ->
  exists gamma : 'I_(dm d) -> 'I_(dn d) -> R,
    dv (divergences d g) = \sum_i \sum_j C q i j * Y q i j * gamma i j
    /\ forall i j, let x := C q i j + mx (dm d) (dn d) g i j in
         0 <= x /\ (Y q i j = 0 \/ C q i j * exp (gamma i j) <= x).
Proof.
move=> hg h0 hs; have [hX eX] := gaddE Cm hg; have [hw ew] := where_E Ym hg; rewrite /divergences.
move: (where_ _ _) hw ew => x hw ew; set e := Z.min (ex x) (ex (dC d)).
have [hA eA] := regridE (min_left _ _ : Z.leb e (ex x)) hw.
have [hC eC] := regridE (min_right _ _ : Z.leb e (ex (dC d))) Cm.
set gA := Grid (regrid x e) e in hA eA; set gC := Grid (regrid (dC d) e) e in hC eC.
have cE i j : C q i j = zr (entry_ gC i j) * p2 e by rewrite -[C q]/(mx (dm d) (dn d) (dC d)) -eC mxE.
pose t i j := log_below (Z.add (entry_ gA i j) (entry_ gC i j)) (entry_ gC i j).
have [hz ez] := zippedE (fun w c => Z.mul c (log_below (Z.add c w) c)) (Z.sub e 100) hA hC.
exists (fun i j => arg (log_below (Z.add (entry_ gC i j) (entry_ gA i j)) (entry_ gC i j))); split.
  rewrite (innerE Ym hz) /dot; apply: eq_bigr => i _; apply: eq_bigr => j _.
  by rewrite ez zrM cE /arg (p2D e (Zneg 100)) -[mx _ _ (dY d)]/(Y q); ring.
move=> i j /=; have xE : C q i j + mx (dm d) (dn d) g i j = mx (dm d) (dn d) (gadd (dC d) g) i j.
  by rewrite eX [RHS]mxE.
split; first by rewrite xE; exact: (meetsE (s := NonNegative) hX h0).
case: (boolP (Y q i j == 0)) => [/eqP|y0]; [by left|right].
have := supportedP Ym hs (ltn_ord i) (ltn_ord j); rewrite -mx_eq0 -[mx _ _ (dY d)]/(Y q) (negbTE y0) orbF.
rewrite -mx_gt0 -xE -(ew _ _ y0) -eA cE [mx _ _ gA i j]mxE -mulrDl -zrD => x0.
have p0 := p2_gt0 e; have c_ := C0 i j; rewrite cE pmulr_lge0 // -zr0 zr_le in c_.
rewrite pmulr_lgt0 // zr_pos in x0; rewrite mulrAC ler_pM2r //; exact: log_belowE.
Qed.

Lemma dual_value_counts w s : classes (dloss d) = false -> counted (dloss d) -> bounds_all w s.
Proof.
move=> ns hc s0 hw hs ho hi r U V o hx; have hf := affordableE hw ho; have [hg eg] := gscaleE s hw.
have {}eg i j : mx (dm d) (dn d) (gscale s w) i j = dv s * mx (dm d) (dn d) w i j by rewrite eg [LHS]mxE.
have hsup i j := support i j hw Cm c0 hs.
have cost_le : dv s ^+ 2 * cost (q := q) (mx (dm d) (dn d) w) / 2 <= dv (dhalf (dmul (dmul s s) (cost_ mul d w))).
  by rewrite dv_half !dvM -expr2 ler_pM2r ?invr_gt0 // ler_wpM2l ?sqr_ge0 //; exact: costE hw ho.
have hcq : counted (loss q) by move: hc; rewrite /q /=; case: (dloss d).
have no : logistic (dloss d) = false by move: hc; case: (dloss d).
rewrite /dual_value /transcendental hc orbT /likelihoods ns no dvB; case: (boolP (signed (dloss d))) => sl.
  have el : loss q = Poisson by move: sl; rewrite /q /=; case: (dloss d).
  have hk : nonneg (counts_less d (gscale s w)) by move: hi sl; rewrite /inside; case: (dloss d).
  have [hl el'] := counts_lessE hg; have [||al [-> hal]] := exponentialsE hg.
  - by move=> i j ci; rewrite eg; case: (hsup i j) => [|[_ ->]]; rewrite ?mulr0 // ci ltxx.
  - by move=> i j; rewrite -el'; exact: (meetsE (s := NonNegative) hl hk).
  apply: le_trans (weak_duality_poisson (q := q) P0 Q0 X0 R0 (s := dv s) s0 hf (alpha := al) el _ hx).
    by rewrite lerD2r; apply: lerB => //; under eq_bigr do under eq_bigr do rewrite eg.
  by move=> i j; have := hal i j; rewrite eg.
have el : loss q = KullbackLeibler by move: ns hc sl; rewrite /q /=; case: (dloss d).
have /andP[h0 h1] : nonneg (gadd (dC d) (gscale s w)) && supported (dY d) (gadd (dC d) (gscale s w)).
  by move: hi ns hc sl; rewrite /inside; case: (dloss d).
have [ga [-> hga]] := divergencesE hg h0 h1.
apply: le_trans (weak_duality_divergence (q := q) P0 Q0 X0 R0 (s := dv s) s0 hf (gamma := ga) el hsup (counted_labelsE hcq) _ hx).
  by rewrite lerD2r; exact: lerB.
by move=> i j; have := hga i j; rewrite /= eg.
Qed.

(* classes: what the logarithms of their shares prove *)
Lemma dual_value_classes w s : classes (dloss d) -> bounds_all w s.
Proof.
move=> hc s0 hw hs ho hi r U V o hx; have hf := affordableE hw ho; have [hg eg] := gscaleE s hw.
have {}eg i j : mx (dm d) (dn d) (gscale s w) i j = dv s * mx (dm d) (dn d) w i j by rewrite eg [LHS]mxE.
have el : loss q = Softmax by move: hc; rewrite /q /=; case: (dloss d).
have ed : dloss d = Softmax by move: hc; case: (dloss d).
move: hi; rewrite /inside ed => /andP[hk h0]; have [hl el'] := counts_lessE hg.
rewrite /dual_value ed /= /likelihoods ed /= /class_entropies; set x := counts_less _ _ in hk hl el' *.
pose k i j := C q i j * Y q i j - dv s * mx (dm d) (dn d) w i j.
pose c i := sumz (fun z _ => z) Z0 (nth [::] (ints x) i) (nth [::] (ints x) i).
pose al (i : 'I_(dm d)) (j : 'I_(dn d)) := arg (log_above (entry_ x i j) (c i)).
have rowE (g : grid) (i : 'I_(dm d)) : shape (dm d) (dn d) g ->
    zr (sumz (fun z _ => z) Z0 (nth [::] (ints g) i) (nth [::] (ints g) i)) * p2 (ex g) = \sum_j mx (dm d) (dn d) g i j.
  case=> _ hn; rewrite (sumzE _ _ (hn i (ltn_ord i)) (hn i (ltn_ord i))) zr0 add0r mulr_suml.
  by apply: eq_bigr => j _; rewrite mxE.
have kE i j : k i j = zr (entry_ x i j) * p2 (ex x) by rewrite /k -eg -el' mxE.
have cE i : \sum_j k i j = zr (c i) * p2 (ex x).
  by rewrite (rowE _ _ hl); apply: eq_bigr => j _; rewrite el' eg.
have k0 (i : 'I_(dm d)) (j : 'I_(dn d)) : Z.leb Z0 (entry_ x i j) by exact: nonnegP hl hk (ltn_ord i) (ltn_ord j).
have p0 := p2_gt0 (ex x); have kc (i : 'I_(dm d)) (j : 'I_(dn d)) : Z.leb (entry_ x i j) (c i).
  rewrite -zr_le -(ler_pM2r p0) -cE -kE (bigD1 j) //= lerDl sumr_ge0 // => l _.
  by rewrite kE mulr_ge0 ?(ltW p0) // -zr0 zr_le.
apply: le_trans (weak_duality_softmax (q := q) P0 Q0 X0 R0 (s := dv s) s0 hf (alpha := al) el _ _ hx); last first.
- move=> i j; rewrite -[_ - _]/(k i j) -[\sum_l _]/(\sum_l k i l) cE kE; split.
    by rewrite mulr_ge0 ?(ltW p0) // -zr0 zr_le.
  by have [c_ a1 _ _] := parts_of (k0 i j) (kc i j); rewrite mulrAC ler_pM2r //; exact: log_aboveE.
- move=> i; under eq_bigr do rewrite -eg; rewrite -(rowE _ _ hg).
  have hi : (i < size (ints (gscale s w)))%N by rewrite (proj1 hg).
  by have := all_nthP [::] h0 i hi => /Z.eqb_eq ->; rewrite zr0 mul0r.
rewrite lerD2r dvB dv_half !dvM -expr2; apply: lerB; last first.
  by rewrite ler_pM2r ?invr_gt0 // ler_wpM2l ?sqr_ge0 //; exact: costE hw ho.
rewrite /dv /=; have fold f y : zr (foldr (fun r : seq Z => Z.add (f r)) Z0 y) = \sum_(i < size y) zr (f (nth [::] y i)).
  by elim: y => [|r' y IH] /=; rewrite ?big_ord0 // zrD IH big_ord_recl.
rewrite fold (proj1 hl) mulr_suml; apply: ler_sum => i _.
have hn := proj2 hl i (ltn_ord i); rewrite (sumzE _ _ hn hn) zr0 add0r mulr_suml; apply: ler_sum => j _.
by rewrite -/(c i) -[_ - _]/(k i j) kE /al /arg zrN zrM (p2D _ (Zneg 100)) le_eqVlt; apply/orP; left; apply/eqP; ring.
Qed.

Lemma dual_value_all w s : bounds_all w s.
Proof.
move=> s0 hw hs ho hi r U V o hx; have hf := affordableE hw ho.
case: (boolP (logistic (dloss d))) => [hl|nl]; first exact: dual_value_logistic hl s0 hw hs ho hi _ _ _ _ hx.
case: (boolP (classes (dloss d))) => [hc|/negbTE ns]; first exact: dual_value_classes hc s0 hw hs ho hi _ _ _ _ hx.
case: (boolP (counted (dloss d))) => [hc|nc]; first exact: dual_value_counts ns hc s0 hw hs ho hi _ _ _ _ hx.
have {}nl : ~~ transcendental (dloss d) by rewrite /transcendental negb_or nl.
have nl' : ~~ transcendental (loss q) by move: nl; rewrite /q /=; case: (dloss d).
apply: le_trans (weak_duality (q := q) P0 Q0 X0 R0 (s := dv s) s0 hf nl' _ labelsE _ hx); first by rewrite lerD2r; exact: dual_valueE.
  by move=> i j; exact: support hw Cm c0 hs.
exact: insideE nc hw hi.
Qed.

Lemma margin_of_nothing r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o : competes U V o ->
  0 <= margin (q := q) 0 0 U V.
Proof.
apply: (margin_ge0 (q := q) l0 normL normR normM L0 layers_ne (t := 0)); rewrite ?mulr0 ?sqr_ge0 //.
by move=> u v _ _ _ _ _; rewrite mul0mx dot0r expr0n mul0r.
Qed.

(* no objective is below it *)
Lemma least_lossE r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o : competes U V o ->
  dv (least_loss d) <= objective U V o.
Proof.
move=> hx; rewrite /least_loss; case: (boolP (signed (dloss d))) => sl; last first.
  rewrite dv_zero; apply: (objective_ge0 C0 l0 definedE P0 Q0 X0 R0 normL normR normM L0 _ counted_labelsE hx).
  by move: sl; rewrite /q /=; case: (dloss d).
have el : loss q = Poisson by move: sl; rewrite /q /=; case: (dloss d).
have hcq : counted (loss q) by rewrite el.
have [hb eb] := blankE (dm d) (dn d); have [free0 _] := free_of_nothing.
have z i j : mx (dm d) (dn d) (blank (dm d) (dn d)) i j = 0 by rewrite eb mxE.
have [||al [-> hal]] := exponentialsE hb.
- by move=> i j _; exact: z.
- by move=> i j; rewrite z subr0; exact: counted_labelsE.
have := @weak_duality_poisson R q P0 Q0 X0 R0 0 0 (lexx 0) (free0 0) al el _ r U V o hx.
rewrite expr0n /= !mul0r subr0; set lhs := \sum_i _; set rhs := \sum_i _ => h.
have -> : rhs = lhs.
  by apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite z mul0r.
apply: le_trans (h _) => [|i j]; last by have := hal i j; rewrite z mul0r.
by rewrite lerDl; exact: margin_of_nothing hx.
Qed.

Lemma weak_boundE p lo : weak_bound mul d p = Some lo ->
  forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o -> dv lo <= objective U V o.
Proof.
case: p => [p|] /=; last by case=> <- r U V o; exact: least_lossE.
case e: (multiple mul d p) => [s|] //; case: ifP => // in_ [<-] r U V o hx.
have [t [ht s0 st _ [hw hs hf]]] := multipleE e; rewrite dv_max ge_max (least_lossE hx) andbT.
apply: le_trans (dual_value_all s0 hw hs hf in_ hx); rewrite lerDl.
exact: (margin_ge0 (q := q) l0 normL normR normM L0 layers_ne ht s0 st hx).
Qed.

Lemma centredE x : Nat.leb 1 (dm d) -> Nat.leb 1 (dn d) -> shape (dm d) (dn d) x ->
  dv (centred mul d x)
  <= sq (removes_columns R (dm d) (columns q) *m mx (dm d) (dn d) x *m removes_rows R (dn d) (rows q)).
Proof.
move=> /PeanoNat.Nat.leb_le m1 /PeanoNat.Nat.leb_le n1 hx.
have [hc ec] := column_sumsE hx; have [hr er] := row_sumsE hx; have [ha ea] := column_sumsE hr.
have m0 : Z.ltb 0 (Z.of_nat (dm d)) by lia.
have n0 : Z.ltb 0 (Z.of_nat (dn d)) by lia.
have mn0 : Z.ltb 0 (Z.mul (Z.of_nat (dm d)) (Z.of_nat (dn d))) by nia.
have mn : zr (Z.mul (Z.of_nat (dm d)) (Z.of_nat (dn d))) = (dm d)%:R * (dn d)%:R.
  by rewrite zrM !zr_nat.
set cols := column_sums _ _ _ _ in hc ec *; set rows_ := row_sums _ _ _ in hr er ha ea *.
set all_ := column_sums _ _ _ _ in ha ea *.
have := over_upE (inner cols cols) m0 (zr_nat _); have := over_upE (inner rows_ rows_) n0 (zr_nat _).
have := over_downE (inner all_ all_) mn0 mn.
rewrite (innerE hc hc) (innerE hr hr) (innerE ha ha) ea er mulmxA ec -!/(sq _).
rewrite /centred -/cols -/rows_ -/all_ /removes_columns /removes_rows /q /= -/q.
set X := mx _ _ x; have xx : dv (inner x x) = sq X := innerE hx hx.
case: (dcolumns d); case: (drows d) => /=; rewrite ?mul1mx ?mulmx1 ?centred_both ?centred_columns
  ?centred_rows ?dvD ?dvB xx; move: (_ / _) (_ / _) (_ / _) => x1 x2 x3; lra.
Qed.

Lemma excessE f rest e : shape (dm d) (dn d) rest -> excess mul d f rest = Some e ->
  (loss q = Squared /\ forall i j, C q i j = 1) /\
  forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o ->
  dv e <= sq (mx (dm d) (dn d) rest - fit (q := q) (hidden (q := q) U) V o) / 2.
Proof.
move=> hs; rewrite /excess; case: ifP => // /and5P[/andP[/andP[own one] /eqnP plain] lsq m1 n1 /andP[/shapedP hK ho]] [<-].
split=> [|r U V o hx].
  by split=> [|i j]; [rewrite /q /=; case: (dloss d) lsq|exact: onesE].
have [ha hb za zb] := means_okE ho.
have [hm em] := unit_columnE (dm d); have [hn en] := unit_columnE (dn d).
have [h1 e1] := besideE hm hb; have [h2 e2] := besideE ha hn; have [h3 e3] := productE h1 h2.
have [hX eX] := gsubE hs h3; set x := gsub _ _ in hX eX *.
have {}eX : mx (dm d) (dn d) x
    = mx (dm d) (dn d) rest - means (q := q) (mx (dn d) 1 (fA f))^T (mx (dm d) 1 (fB f)).
  by rewrite eX e3 e1 e2 tr_row_mx mul_row_col em en trmx_const.
have he := centredE m1 n1 hX; rewrite dv_max ge_max dv_zero divr_ge0 ?sq_ge0 // andbT.
rewrite dv_half dvB dvD dvM dv_max dv_zero dv_nat; move: hK he; rewrite eX.
case: (fan_columns f) => hK he; rewrite (innerE hK hK).
  have [ht et] := transposeE hX.
  apply: (beyond_columns (q := q) za zb own plain he _ hx) => z; rewrite -eX -{2}(trmxK (mx _ _ x)) -et.
  exact: fan_top.
by apply: (beyond_rows (q := q) za zb own plain he _ hx) => z; rewrite -eX; exact: fan_top.
Qed.

Lemma belowE s : 0 <= dv s -> 0 <= dv (below s) <= dv s.
Proof.
move=> s0; rewrite /below; move: (coarse s) => x.
case: ifP => [/andP[]|_]; last by rewrite dv_zero lexx s0.
by rewrite dv_ge0 dv_le => -> ->.
Qed.

Lemma own_boundE f p lo : own_bound mul d f p = Some lo ->
  forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o -> dv lo <= objective U V o.
Proof.
have low0 r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o : loss q = Squared -> competes U V o ->
    0 <= objective U V o.
  by move=> lsq; apply: (objective_ge0 C0 l0 definedE P0 Q0 X0 R0 normL normR normM L0 _ counted_labelsE); rewrite lsq.
have [free0 cost0] := free_of_nothing.
rewrite /own_bound; case: p => [p|]; last first.
  move=> h r U V o hx; have [[lsq C1] /(_ _ _ _ _ hx)] := excessE Ym h; move/le_trans; apply.
  apply: le_trans (left_over (q := q) P0 Q0 X0 R0 (W := 0) (s := 0) (lexx 0) (free0 0) lsq C1 hx).
  by rewrite scaler0 subr0 !mul0r expr0n /= !mul0r subr0 add0r lerDl; exact: margin_of_nothing hx.
case e: (multiple mul d p) => [s|] //; have := belowE (s := s); cbv zeta.
move: (below s) => s' hs'; case h: (excess _ _ _ _) => [x|] // [<-] r U V o hx.
have [t [ht s0 st ho [hw hs hf]]] := multipleE e; have /andP[b0 bs] := hs' s0.
have [hg eg] := gscaleE s' hw; have [hr er] := gsubE Ym hg.
have [[lsq C1] /(_ _ _ _ _ hx)] := excessE hr h; rewrite er eg => hx'.
have hf' : affordable_ mul d s' (dW p).
  have plain : eqn (left_width_ (dX d)) 0 by move: h; rewrite /excess; case: ifP => // /and5P[/andP[_]].
  by move: hf; rewrite /affordable_ /within_ plain.
have bt : dv s' ^+ 2 * t <= lam q ^+ 2.
  have [t0|t0] := leP 0 t; first by apply: le_trans st; rewrite ler_wpM2r // ler_sqr.
  by apply: le_trans (sqr_ge0 _); rewrite mulr_ge0_le0 ?sqr_ge0 // ltW.
rewrite dv_max ge_max dv_zero low0 // andbT dvD.
apply: le_trans (left_over (q := q) P0 Q0 X0 R0 (s := dv s') b0 (affordableE hw hf') lsq C1 hx).
rewrite -[leLHS]addr0; apply: lerD; last exact: (margin_ge0 (q := q) l0 normL normR normM L0 layers_ne ht b0 bt hx).
apply: lerD; last exact: hx'.
have nl : ~~ transcendental (dloss d) by move: lsq; rewrite /q /=; case: (dloss d).
apply: le_trans (dual_valueE nl hw hs hf') _; rewrite lsq lerD2l lerN2 ler_wpM2r ?invr_ge0 //.
rewrite ler_wpM2l ?sqr_ge0 // lerD2r /over /sq /dot; apply: ler_sum => i _; apply: ler_sum => j _.
by rewrite C1 divr1 expr2.
Qed.

Lemma boundE f p lo : bound mul d f p = Some lo ->
  forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o -> dv lo <= objective U V o.
Proof. by case: f => [f|]; [exact: own_boundE|exact: weak_boundE]. Qed.

(* the candidate *)
Hypothesis fine_fit : finite_ mul d (dr d) (dU d) (dV d) (dO d).
Lemma candidateE : candidate (offs (dO d)) /\
  [/\ shape (dinputs d) (dr d) (dU d), shape (dn d) (dr d) (dV d) & offsets_shape (dO d)].
Proof.
case/and5P: (good) => _ _ _ /pointE -/(_ fine_fit (fun _ => leqnn _)) [hu hv so hx] _.
by split.
Qed.

Definition low w : option dyadic :=
  if dfound d then floor_ mul d w else Some (least (dr d) (dU d) (dV d) (dO d)).

Lemma lowE w x o : low w = Some x -> candidate (q := q) o -> dv x <= objective (U0 q) (V0 q) o.
Proof.
have [_ [hu hv so]] := candidateE; move=> + [hx]; rewrite /low -[dfound d]/(found q).
case: (found q) => [+ _|[<-] /(_ isT) ->]; last exact: value_down hu hv so fine_fit.
case: w => [[w h]|] /=; last by case=> <-; exact: least_lossE.
move: (limit_of _ _ _ _) => s; case: ifP => // /andP[/and4P[s0 /shapedP hw hs ho] hi] [<-]; rewrite dv_ge0 in s0.
have [hh eh] := hiddenE hu; have [hz ez] := productE hh hv.
apply: le_trans (dual_value_all s0 hw hs ho hi hx); rewrite dvD dvB dvM (innerE hw hz) ez eh /margin.
rewrite -[U0 q]/(mx (dinputs d) (dr d) (dU d)) -[V0 q]/(mx (dn d) (dr d) (dV d)).
rewrite -[leLHS]addrA lerD2l [leRHS]addrC lerD2l.
exact: (penaltyE false).
Qed.

Lemma decideE w lo up at_least x : low w = Some at_least ->
  (forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o -> dv lo <= objective U V o) ->
  objective (q := q) (U0 q) (V0 q) (offs (dO d)) <= dv up ->
  sentence q (dv up) (decide mul d lo at_least up x).
Proof.
move=> hlow hlo hup; rewrite /decide; set eps := dmax _ _.
have e : dv eps = epsilon q (dv up) by rewrite /eps dv_max dvM dv_abs.
case: ifP => [|_]; first rewrite dv_le dvB e => h.
  exists (offs (dO d)); split=> [|r U V o hx]; first exact: (proj1 candidateE).
  apply: (le_trans hup); move: h; rewrite lerBlDr => h; apply: (le_trans h).
  by rewrite addrC lerD2r hlo.
case: x => [x|] //; case: ifP => // /andP[/andP[hp hf]]; rewrite dv_lt dvD e => h.
have less : shape (dinputs d) (bsize x) (bU x) -> shape (dn d) (bsize x) (bV x) ->
    offsets_shape (bO x) -> forall o, candidate (q := q) o ->
    at_point (bsize x) (bU x) (bV x) (bO x) + epsilon q (dv up) < objective (U0 q) (V0 q) o.
  move=> hu hv so o /(lowE hlow) least_; apply: lt_le_trans least_.
  by apply: le_lt_trans h; rewrite lerD2r value_up.
case: ifP => [/PeanoNat.Nat.leb_le /ssrnat.leP small|_].
  have [hu hv so hx] := pointE hp hf (fun _ => small).
  exists (bsize x), (mx (dinputs d) (bsize x) (bU x)), (mx (dn d) (bsize x) (bV x)), (offs (bO x)).
  by split=> // o; exact: less.
case own: (down d) => //; have no : down d -> (bsize x <= dr d)%N by rewrite own.
have [hu hv so hx] := pointE hp hf no.
exists (bsize x), (mx (dinputs d) (bsize x) (bU x)), (mx (dn d) (bsize x) (bV x)), (offs (bO x)).
by split=> // o; exact: less.
Qed.

End Question.

(* beside an l1 penalty *)
Lemma anew_ok d lam p p' : well_formed d -> Z.leb Z0 (num lam) -> norm_ok p (dinputs d) -> norm_ok p' (dn d) ->
  well_formed (priced_anew d lam p p').
Proof.
move=> /and5P[h1 h2 h3 h4 /and5P[/andP[hl /and4P[_ _ h5 h6]] _ /andP[h7 _] h8 h9]] lam0 hp hp'.
by do 2?[apply/and5P; split=> //]; apply/andP; split=> //; apply/and4P.
Qed.

Lemma norm_le_l1 p k (u : 'cV[R]_k) : within_l1 p -> norm p u <= norm L1 u.
Proof.
have l1 : 0 <= norm L1 u by exact: (@norm_ge0 R L1).
case: p => //= _; first by rewrite -ler_sqr ?nnegrE ?l2_ge0 // norm_sqr (@sq_le_norm R L1).
apply: bigmax_le => // i _; rewrite /norm (bigD1 i) //= lerDl; exact: sumr_ge0.
Qed.

Definition l1_products d r (U : 'M[R]_(dinputs d, r)) (V : 'M[R]_(dn d, r)) : R :=
  \sum_k norm L1 (col k U) * norm L1 (col k V).
Definition rest d r (U : 'M_(dinputs d, r)) (V : 'M_(dn d, r)) (o : offsets (meaning d)) : R :=
  objective (q := meaning d) U V o
  - \sum_k (l1_left (meaning d) * norm L1 (col k U) + l1_right (meaning d) * norm L1 (col k V)).

Lemma without_l1E d own s d' f p b : well_formed d -> without_l1 d own s = Some d' -> bound mul d' f p = Some b ->
  0 <= dv s /\ forall r (U : 'M_(dinputs d, r)) (V : 'M_(dn d, r)) (o : offsets (meaning d)), competes (q := meaning d) U V o ->
    dv b <= rest U V o + dv s * l1_products U V.
Proof.
move=> good; have [hl hr] := norms_okE good; have lam0 := l0 good; set q := meaning d in lam0 *.
have ge0 r (U : 'M_(dinputs d, r)) (V : 'M_(dn d, r)) k : all_ge0 (Statement.sizes (q := q) (col k U) (col k V)).
  by apply: sizes_ge0; [exact: norm_okE|exact: norm_okE|exact: normM].
have ne r (U : 'M_(dinputs d, r)) (V : 'M_(dn d, r)) k : Statement.sizes (q := q) (col k U) (col k V) != [::].
  by apply: sizes_ne; exact: layers_ne.
have low lam0' p0 p0' : well_formed (priced_anew d lam0' p0 p0') -> bound mul (priced_anew d lam0' p0 p0') f p = Some b ->
    forall r (U : 'M_(dinputs d, r)) (V : 'M_(dn d, r)) (o : offsets q), competes (q := q) U V o ->
    dv lam0' * (\sum_k \prod_(y <- Statement.sizes (q := meaning (priced_anew d lam0' p0 p0')) (col k U) (col k V)) y)
      <= lam q * (\sum_k theta (form q) (Statement.sizes (q := q) (col k U) (col k V))) + dv s * l1_products U V ->
    dv b <= rest U V o + dv s * l1_products U V.
  move=> good' e r U V o hx h.
  have [hx' eo] := objective_repriced (dv lam0') (normv p0) (normv p0') dv_zero hx.
  have := boundE good' plain_squareE e hx'; move/le_trans; apply; rewrite -/q in eo *.
  by rewrite [leLHS]eo /rest /price -/q; move: h; rewrite -/q /=; lra.
rewrite /without_l1; case: ifP => // /andP[s0 how]; rewrite dv_ge0 in s0.
have flat_ lam0' p0 p0' (u : 'cV[R]_(dinputs d)) (v : 'cV[R]_(dn d)) (q' := meaning (priced_anew d lam0' p0 p0')) : is_matrix d ->
    Statement.sizes (q := q') u v = [:: norm (normv p0) u; norm (normv p0') v].
  rewrite /is_matrix => hm; have nd : ddeep d = None by case: (ddeep d) hm.
  have el : dlayer d = None by move: hm; rewrite nd; case: (dlayer d).
  have nt : is_tensor d = false by move: hm; rewrite nd el => /negbTE.
  case/and5P: good => _ _ _ _ /and5P[/andP[+ _] _ _ _ _]; rewrite /layer_ok nd nt el => /and4P[_ _ nf _].
  by rewrite sizesE; [rewrite priced_all|have [h1 h2] := flatE nd nt; split].
have within k (x : norm_form dyadic) (u : 'cV[R]_k) : within_l1 x -> norm (normv x) u <= norm L1 u.
  by move=> h; apply: norm_le_l1; case: x h.
have two (x y : R) : \prod_(z <- [:: x; y]) z = x * y by rewrite !big_cons big_nil mulr1.
case: own how => [how|/= how] [<-] e; split=> // r U V o hx.
  have sum0 : dv (dadd (dlam d) s) = lam q + dv s by rewrite dvD.
  apply: (low _ _ _ _ e) hx _.
    by apply: anew_ok => //; rewrite dv_ge0 sum0 addr_ge0.
  rewrite sum0 mulrDl; apply: lerD.
    by apply: ler_wpM2l => //; apply: ler_sum => k _; exact: theta_ge (ne _ _ _ _) (ge0 _ _ _ _).
  case/orP: how => [/andP[_ /Z.eqb_eq z]|/and3P[hm pl pr]]; first by rewrite /dv z zr0 !mul0r.
  apply: ler_wpM2l => //; apply: ler_sum => k _; rewrite (flat_ _ _ _ _ _ hm) two.
  by apply: ler_pM; [apply: norm_ge0; exact: norm_okE|apply: norm_ge0; exact: norm_okE|exact: within|exact: within].
case/and3P: how => hm _ _.
apply: (low _ _ _ _ e) hx _; first by apply: anew_ok => //; rewrite dv_ge0.
rewrite -[leLHS]add0r; apply: lerD.
  by apply: mulr_ge0 => //; apply: sumr_ge0 => k _; apply: theta_ge0; exact: ge0.
by apply: ler_wpM2l => //; apply: ler_sum => k _; rewrite (flat_ _ _ _ _ _ hm) two.
Qed.

Lemma low_rootE x : 0 <= dv x -> 0 <= dv (low_root x) <= Num.sqrt (dv x).
Proof.
move=> x0; rewrite /low_root; set e := Z.sub _ guard; set z := lift _ _ _.
have ez : zr z * p2 (Z.add e e) = dv x.
  by apply: liftE; rewrite /e; have : Z.leb 0 guard by []; have := Z.mul_div_le (dex x) 2; lia.
have z0 : Z.leb Z0 z by rewrite -zr_le zr0 -(pmulr_lge0 _ (p2_gt0 (Z.add e e))) ez.
have [r0 h] := root_downP z0; move: (root_down z) r0 h => y y0 h.
have s0 : 0 <= dv (Dy y e) by rewrite -dv_ge0.
rewrite s0 /= -(ger0_norm s0) -sqrtr_sqr; apply: ler_wsqrtr.
by rewrite -ez p2D /dv exprMn /= -expr2 ler_wpM2r // sqr_ge0.
Qed.

Lemma quotientE a b : 0 < dv b -> dv (quotient a b) <= dv a / dv b.
Proof.
move=> b0; rewrite /quotient; set e := Z.sub (dex a) _; set x := over_down _ _.
have nb : Z.ltb Z0 (num b) by rewrite -zr_pos -(pmulr_lgt0 _ (p2_gt0 (dex b))).
have h : dv x <= dv a / zr (num b).
  have := over_downE (Dy (lift (num a) (dex a) e) e) nb erefl; rewrite -/x; congr (_ <= _ / _).
  by rewrite /dv /= liftE //; have := Z.log2_nonneg (num b); rewrite /e; lia.
have := ler_wpM2r (p2_ge0 (Z.opp (dex b))) h.
have -> : dv x * p2 (Z.opp (dex b)) = dv (Dy (num x) (Z.sub (dex x) (dex b))).
  by rewrite /dv -mulrA -p2D; congr (_ * p2 _); lia.
move/le_trans; apply; rewrite le_eqVlt; apply/orP; left; apply/eqP.
have : p2 (dex b) * p2 (Z.opp (dex b)) = 1 by rewrite -p2D Z.add_opp_diag_r.
have n0 : zr (num b) != 0 by rewrite gt_eqF // zr_pos.
have p0 : p2 (dex b) != 0 by rewrite gt_eqF // p2_gt0.
move=> hp; apply: (mulIf p0); rewrite -[_ * p2 (dex b)]mulrA [p2 (Z.opp _) * _]mulrC hp mulr1.
by rewrite /dv [in RHS]invfM; field; rewrite n0 p0.
Qed.

Lemma max_of (S : Type) (f : S -> dyadic) (a : dyadic) (l : seq S) (z : R) :
  z <= dv (foldr (fun x => dmax (f x)) a l) -> z <= dv a \/ exists2 j, (j < size l)%N & forall y, z <= dv (f (nth y l j)).
Proof.
elim: l => [|x l IH] /=; first by left.
rewrite dv_max le_max => /orP[h|/IH[h|[j hj h]]]; [by right; exists 0%N|by left|by right; exists j.+1].
Qed.

Lemma heightE c l first x y : 0 <= dv c -> 0 <= dv x -> 0 < dv y ->
  let t := dv x / dv y in let L := (first, dzero) :: l in let no := (dzero, dzero) in
  exists2 j, (j < size L)%N
    & dv (height c l first x y) <= dv (nth no L j).1 - dv (nth no L j).2 * t + Num.sqrt (dv c * t).
Proof.
move=> c0 x0 y0 t L no; rewrite /height; set top := foldr _ _ _; set rt := low_root _.
have hr : dv rt <= Num.sqrt (dv c * t) * dv y.
  have y1 := ltW y0; have n0 : 0 <= dv (dmul c (dmul x y)) by rewrite !dvM; apply: mulr_ge0 => //; exact: mulr_ge0.
  have /andP[_] := low_rootE n0; move/le_trans; apply; rewrite !dvM.
  have -> : dv c * (dv x * dv y) = dv c * t * dv y ^+ 2 by rewrite /t; field; rewrite gt_eqF.
  have t0 : 0 <= dv c * t by apply: mulr_ge0 => //; exact: divr_ge0.
  by rewrite sqrtrM // sqrtr_sqr ger0_norm.
have [j hj ht] : exists2 j, (j < size L)%N & dv top <= dv (nth no L j).1 * dv y - dv (nth no L j).2 * dv x.
  have [h|[j hj h]] := max_of (lexx (dv top)); first by exists 0%N => //; rewrite /= dv_zero mul0r subr0 -dvM.
  by exists j.+1 => //=; have := h no; rewrite dvB !dvM.
exists j => //; apply: le_trans (quotientE _ y0) _; rewrite ler_pdivrMr // dvD mulrDl mulrBl.
by apply: le_trans (lerD ht hr) _; rewrite lerD2r lerD2l lerN2 /t -mulrA divfK ?gt_eqF.
Qed.

Lemma fold_below (S : Type) (step : S -> dyadic -> dyadic) a l : (forall x b, dv (step x b) <= dv b) ->
  dv (foldr step a l) <= dv a /\
  forall y j, (j < size l)%N -> exists b, dv (foldr step a l) <= dv (step (nth y l j) b).
Proof.
move=> h; elim: l => [|x l [IH1 IH2]] /=; first by split.
split=> [|y [|j] hj]; first exact: le_trans (h _ _) IH1; first by exists (foldr step a l).
by have [b hb] := IH2 y j hj; exists b; exact: le_trans (h _ _) hb.
Qed.

Lemma lowest_heightE c first l : 0 <= dv c ->
  let L := (first, dzero) :: l in let no := (dzero, dzero) in let low := dv (lowest_height c first l) in
  (exists2 j, (j < size L)%N & low <= dv (nth no L j).1) /\
  forall i k, (i < size L)%N -> (k < size L)%N -> dv (nth no L k).2 < dv (nth no L i).2 ->
    let t := (dv (nth no L i).1 - dv (nth no L k).1) / (dv (nth no L i).2 - dv (nth no L k).2) in
    0 <= dv (nth no L i).1 - dv (nth no L k).1 ->
    exists2 j, (j < size L)%N & low <= dv (nth no L j).1 - dv (nth no L j).2 * t + Num.sqrt (dv c * t).
Proof.
move=> c0 L no low; rewrite /low /lowest_height -/L; set start := foldr (fun p => dmax p.1) _ _.
pose meet p q low := let x := dsub p.1 q.1 in let y := dsub p.2 q.2 in
  if Z.leb Z0 (num x) && Z.ltb Z0 (num y) then dmin (height c l first x y) low else low.
rewrite -[foldr _ _ _]/(foldr (fun p low => foldr (meet p) low L) start L).
have min2 x y : dv (dmin x y) <= dv y by rewrite /dmin dv_le; case: (leP (dv x) (dv y)).
have min1 x y : dv (dmin x y) <= dv x by rewrite /dmin dv_le; case: (leP (dv x) (dv y)) => // /ltW.
have down1 p x b : dv (meet p x b) <= dv b by rewrite /meet; case: ifP.
have down2 p b : dv (foldr (meet p) b L) <= dv b by have [] := fold_below b L (down1 p).
have [h1 h2] := fold_below start L down2; split.
  have [h|[j hj h]] := max_of h1; first by exists 0%N.
  by exists j.+1 => //; exact: h.
move=> i k hi hk s0 x0; have [b hb] := h2 no i hi; have [_ h3] := fold_below b L (down1 (nth no L i)).
have [b' hb'] := h3 no k hk; have := heightE (c := c) l first (x := dsub (nth no L i).1 (nth no L k).1) (y := dsub (nth no L i).2 (nth no L k).2) c0.
rewrite !dvB subr_gt0 => /(_ x0 s0) [j hj hh]; exists j => //; apply: le_trans hh.
have pos a : Z.ltb Z0 (num a) = (0 < dv a) by rewrite -zr_pos /dv pmulr_lgt0 // p2_gt0.
by apply: le_trans hb (le_trans hb' _); rewrite /meet dv_ge0 pos !dvB subr_gt0 x0 s0; exact: min1.
Qed.

Lemma In_nth (S : Type) (y : S) l j : (j < size l)%N -> List.In (nth y l j) l.
Proof. by elim: l j => [|x l IH] [|j] //= hj; [left|right; exact: IH]. Qed.

Lemma concaveE d l low : well_formed d -> concave mul d l = Some low ->
  forall r (U : 'M_(inputs (meaning d), r)) (V : 'M_(n (meaning d), r)) o, competes U V o -> dv low <= objective U V o.
Proof.
move=> good; rewrite /concave; case e: (line_levels mul d l) => [found|] //; case ab: (dl1 d) => [a b] [<-] r U V o hx.
have hl : forall p, List.In p found -> 0 <= dv p.2 /\ dv p.1 <= rest U V o + dv p.2 * l1_products U V.
  elim: l found e => [|x l IH] found /=; first by case=> <-.
  case ew: (without_l1 _ _ _) => [d'|] //; case eb: (bound _ _ _ _) => [lev|] //.
  case el: (line_levels _ _ _) => [more|] // [<-] p /= [<-|]; last exact: IH el _.
  by have [s0 h] := without_l1E good ew eb; split=> //; exact: h.
pose L := (least_loss d, dzero) :: found; pose no := (dzero, dzero).
have hL (j : 'I_(size L)) : 0 <= dv (nth no L j).2 /\ dv (nth no L j).1 <= rest U V o + dv (nth no L j).2 * l1_products U V.
  case: j => -[|j] hj; last exact: (hl _ (In_nth no (hj : (j < size found)%N))).
  have ew : without_l1 d true dzero = Some (priced_anew d (dadd (dlam d) dzero) (dleft_norm d) (dright_norm d)) by [].
  have eb : bound mul (priced_anew d (dadd (dlam d) dzero) (dleft_norm d) (dright_norm d)) None None = Some (least_loss d) by [].
  by have [s0 h] := without_l1E good ew eb; split=> //; exact: h.
have [a0 b0] : 0 <= dv a /\ 0 <= dv b.
  by case/and5P: good => _ _ _ _ /and5P[_ _ /andP[_ /andP[]]]; rewrite ab !dv_ge0.
have ec : dv (dmul (Dy 4 Z0) (dmul a b)) = 4 * dv a * dv b by rewrite !dvM mulrA /dv /zr /p2 /= mulr1.
have c0 : 0 <= dv (dmul (Dy 4 Z0) (dmul a b)) by rewrite ec; do !apply: mulr_ge0 => //; exact: ler0n.
have [low0 low1] := lowest_heightE (least_loss d) found c0.
have eo : objective U V o = rest U V o + \sum_k (dv a * norm L1 (col k U) + dv b * norm L1 (col k V)).
  by rewrite /rest /= ab subrK.
rewrite eo; apply: (@Concave.concave_bound R _ (fun k : 'I_r => norm L1 (col k U)) (fun k : 'I_r => norm L1 (col k V)) _ _
  (index_enum 'I_r) 'I_(size L) (fun j => dv (nth no L j).1) (fun j => dv (nth no L j).2) ord0) => //.
- by move=> k; exact: (@norm_ge0 R L1).
- by move=> k; exact: (@norm_ge0 R L1).
- by move=> j; exact: (proj1 (hL j)).
- by rewrite /= dv_zero.
- by move=> j; exact: (proj2 (hL j)).
- by have [j hj h] := low0; exists (Ordinal hj).
move=> i k ik; rewrite -ec => t0.
have x0 : 0 <= dv (nth no L i).1 - dv (nth no L k).1 by move: t0; rewrite ler_pdivlMr ?subr_gt0 // mul0r.
by have [j hj h] := low1 i k (ltn_ord i) (ltn_ord k) ik x0; exists (Ordinal hj).
Qed.

Lemma bound_byE d e low : well_formed d -> bound_by mul d e = Some low ->
  forall r (U : 'M_(inputs (meaning d), r)) (V : 'M_(n (meaning d), r)) o, competes U V o -> dv low <= objective U V o.
Proof. by case: e => [f p|l] good; [exact: (boundE good plain_squareE)|exact: concaveE]. Qed.

Theorem check_with_sound d f w x lower upper answer :
  check_with mul d f w x = Some (lower, upper, answer) ->
  holds (meaning d) (dv lower) (dv upper) answer.
Proof.
rewrite /check_with; case: ifP => // /andP[good fine_fit]; case e: (bound_by mul d f) => [lo|] //.
lazymatch goal with |- (if ?x is Some _ then _ else _) = _ -> _ => destruct x as [low_|] eqn:e'; last by [] end.
case=> <- <- <-; have hlo := bound_byE good e; have [hc [hu hv so]] := candidateE good fine_fit.
have hup := value_up good hu hv so fine_fit.
split=> //; first by exists (offs d (dO d)).
exact: (decideE good fine_fit x e' hlo hup).
Qed.

End Main.
End Values.
