(* check_with ... = Some (lower, upper, answer)  ->  Statement.holds. *)

From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect ssralg ssrnum ssrint zmodp matrix.
From mathcomp Require Import zify ssrZ lra ring.
From Formal Require Import Base.
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
Opaque root_guess log_guess.

Section Values.
Variable R : rcfType.

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

Lemma squares_over_upE m n w c : shape m n w -> shape m n c -> nonneg c -> supported w c ->
  \sum_i \sum_j mx m n w i j ^+ 2 / mx m n c i j <= dv (squares_over_up w c).
Proof.
move=> hw hc c0 hs; rewrite /dv /squares_over_up; set b := Z.add guard _ => /=.
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

Section Main.
Variable mul : grid -> grid -> grid.
Hypothesis mulE : forall a b, mul a b = mul_tr a b.

Lemma topE k n x l sh (z : 'cV_k) : shape k n x ->
  qf (mx k n x *m (mx k n x)^T) z <= dv (top mul k x l sh) * sq z.
Proof.
move=> hx; have [sg eg] := mul_trE (proj1 hx) (proj1 hx) (fun i => shape_le i hx).
have plain : qf (mx k n x *m (mx k n x)^T) z <= dv (row_max (mul_tr x x)) * sq z.
  by apply: gershgorin; [rewrite trmx_mul trmxK|rewrite -eg; exact: row_maxE].
rewrite /top mulE; case: l => [l|] //; case: ifP => // /andP[/eqnP hl wl].
rewrite /dmin; case: ifP => // _; rewrite mulE dvD.
have [sl el] := mul_trE hl hl (fun i => wideP i wl).
have [sa ea] := gaddE sg sl; have [ss es] := scalarE k sh; have [se ee] := gsubE ss sa.
apply: (@residual_le R k k _ _ (mx k k l)); last exact: row_maxE se.
  by rewrite ee es ea eg el linearB /= tr_scalar_mx linearD /= !trmx_mul !trmxK.
by rewrite ee es ea eg el; apply/matrixP => i j; rewrite !mxE; ring.
Qed.

Lemma scaleE lam t : 0 <= dv (scale lam t) /\ dv (scale lam t) ^+ 2 * dv t <= dv lam ^+ 2.
Proof.
rewrite /scale /tested; case: ifP => [/andP[]|_]; first by rewrite dv_ge0 dv_le !dvM -!expr2.
by rewrite dv_zero expr0n mul0r sqr_ge0.
Qed.

Lemma column_squaresE n r u (k : 'I_r) : shape n r u ->
  zr (nth Z0 (column_squares r u) k) * (p2 (ex u) * p2 (ex u)) = sq (col k (mx n r u)).
Proof.
move=> hu; have [[hs hr] et] := transposeE hu.
rewrite (nth_map [::]) ?hs ?ltn_ord // (dotzE (k := n)) ?hr // zr0 add0r sq_col mulr_suml.
apply: eq_bigr => j _; have := congr1 (fun M : 'M_(r, n) => M k j) et.
by rewrite !mxE /entry_ /= /at_ => e; rewrite expr2 -e; ring.
Qed.

Lemma size_column_squares n r u : shape n r u -> size (column_squares r u) = r.
Proof. by move=> hu; rewrite size_map; case: (transposeE hu) => -[]. Qed.

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

(* the integer under the root, in units *)
Lemma under m n r u v (k : 'I_r) : shape m r u -> shape n r v ->
  let N := Z.shiftl (Z.mul (nth Z0 (column_squares r u) k) (nth Z0 (column_squares r v) k))
             (Z.add guard guard) in
  let P := p2 (Z.sub (Z.add (ex u) (ex v)) guard) in
  Z.leb Z0 N /\ zr N * P ^+ 2 = (norm (col k (mx m r u)) * norm (col k (mx n r v))) ^+ 2.
Proof.
move=> hu hv N P; have e : zr N * P ^+ 2 = (norm (col k (mx m r u)) * norm (col k (mx n r v))) ^+ 2.
  rewrite exprMn !norm_sqr -!column_squaresE // /N /P zr_shift // zrM p2B !p2D.
  by field; rewrite gt_eqF ?p2_gt0.
split=> //; rewrite -zr_le zr0; have := sqr_ge0 (norm (col k (mx m r u)) * norm (col k (mx n r v))).
by rewrite -e pmulr_lge0 // exprn_gt0 ?p2_gt0.
Qed.

Lemma products_up root m n r u v :
  (forall x, Z.leb Z0 x -> Z.leb Z0 (root x) /\ zr x <= zr (root x) ^+ 2) ->
  shape m r u -> shape n r v ->
  \sum_k theta Product (col k (mx m r u)) (col k (mx n r v)) <= dv (products root r u v).
Proof.
move=> rootP hu hv; rewrite /dv /= (sumzE _ _ (size_column_squares hu) (size_column_squares hv)).
rewrite zr0 add0r mulr_suml; apply: ler_sum => k _; have [N0 e] := under k hu hv.
have [s0 h] := rootP _ N0; rewrite /theta -ler_sqr ?nnegrE ?mulr_ge0 ?norm_ge0 ?p2_ge0 //.
  by rewrite -e exprMn ler_wpM2r ?sqr_ge0.
by rewrite -zr0 zr_le.
Qed.

Lemma products_down root m n r u v :
  (forall x, Z.leb Z0 x -> Z.leb Z0 (root x) /\ zr (root x) ^+ 2 <= zr x) ->
  shape m r u -> shape n r v ->
  dv (products root r u v) <= \sum_k theta Product (col k (mx m r u)) (col k (mx n r v)).
Proof.
move=> rootP hu hv; rewrite /dv /= (sumzE _ _ (size_column_squares hu) (size_column_squares hv)).
rewrite zr0 add0r mulr_suml; apply: ler_sum => k _; have [N0 e] := under k hu hv.
have [s0 h] := rootP _ N0; rewrite /theta -ler_sqr ?nnegrE ?mulr_ge0 ?norm_ge0 ?p2_ge0 //.
  by rewrite -e exprMn ler_wpM2r ?sqr_ge0.
by rewrite -zr0 zr_le.
Qed.

(* the question that integers stand for *)
Definition meaning (d : data) : question R :=
  @Question R (dm d) (dn d) (dr d) (mx _ _ (dY d)) (mx _ _ (dC d)) (dv (dlam d)) (dform d)
    (mx _ _ (dU d)) (mx _ _ (dV d)) (dv (drtol d)) (dv (datol d)).

Section Question.
Variable d : data.
Hypothesis good : well_formed d.
Let q := meaning d.

Lemma lossE r u v : shape (dm d) r u -> shape (dn d) r v ->
  dv (dhalf (squares (dC d) (gsub (mul u v) (dY d))))
  = \sum_i \sum_j C q i j / 2 * ((mx (dm d) r u *m (mx (dn d) r v)^T) i j - Y q i j) ^+ 2.
Proof.
case/and5P: good => /shapedP hY /shapedP hC _ _ _ hu hv; rewrite mulE.
have [sz ez] := mul_trE (proj1 hu) (proj1 hv) (fun i => shape_le i hu).
have [se ee] := gsubE sz hY; rewrite dv_half (squaresE hC se) ee ez mulr_suml.
apply: eq_bigr => i _; rewrite mulr_suml; apply: eq_bigr => j _.
set A := mulmx _ _; set B := mx _ _ (dY d).
have -> : (A - B) i j = A i j - B i j by rewrite [LHS]mxE; congr (_ + _); rewrite [LHS]mxE.
by rewrite /q /=; ring.
Qed.

Lemma l0 : 0 <= lam q. Proof. by case/and5P: good => _ _ _ _ /andP[_]; rewrite dv_ge0. Qed.

Lemma value_up r u v : shape (dm d) r u -> shape (dn d) r v ->
  objective (q := q) (mx (dm d) r u) (mx (dn d) r v) <= dv (value mul root_up d r u v).
Proof.
move=> hu hv; rewrite /objective /value dvD /loss /penalty dvM (lossE hu hv) lerD2l ler_wpM2l ?l0 //.
rewrite /q /=; case: (dform d); first exact: (products_up root_upP).
by rewrite theta_sum dv_half dvD (innerE hu hu) (innerE hv hv).
Qed.

Lemma value_down r u v : shape (dm d) r u -> shape (dn d) r v ->
  dv (value mul root_down d r u v) <= objective (q := q) (mx (dm d) r u) (mx (dn d) r v).
Proof.
move=> hu hv; rewrite /objective /value dvD /loss /penalty dvM (lossE hu hv) lerD2l ler_wpM2l ?l0 //.
rewrite /q /=; case: (dform d); first exact: (products_down root_downP).
by rewrite theta_sum dv_half dvD (innerE hu hu) (innerE hv hv).
Qed.

Lemma lowerE p lo : lower_bound mul d p = Some lo ->
  forall r (U : 'M_(m q, r)) (V : 'M_(n q, r)), dv lo <= objective U V.
Proof.
case/and5P: good => /shapedP hY /shapedP hC c0 _ _.
have C0 i j : 0 <= C q i j.
  rewrite /q /= mxE mulr_ge0 ?p2_ge0 // -zr0 zr_le; exact: nonnegP hC c0 (ltn_ord i) (ltn_ord j).
have low0 r (U : 'M_(m q, r)) (V : 'M_(n q, r)) : 0 <= objective U V := objective_ge0 C0 l0 U V.
case: p => [p|] /=; last by case=> <- r U V; rewrite dv_zero.
case: ifP => // /andP[/shapedP hw hs] [<-] r U V.
rewrite dv_max ge_max dv_zero low0 andbT dvB dv_half !dvM -expr2 (innerE hw hY).
set t := (if _ then _ else _); have [s0 st] := scaleE (dlam d) t; move: (scale _ _) s0 st => s s0 st.
have over_ : over (q := q) (mx (dm d) (dn d) (dW p)) <= dv (squares_over_up (dW p) (dC d)).
  exact: squares_over_upE.
apply: le_trans (weak_duality (q := q) l0 (W := mx _ _ (dW p)) (t := dv t) _ s0 st _ U V) => [|u v|i j].
- by rewrite lerD2l lerN2 ler_wpM2r ?invr_ge0 // ler_wpM2l ?sqr_ge0.
- rewrite /t; case: (by_columns p); last by apply: polar_rows => z; exact: topE.
  have [ht et] := transposeE hw.
  by apply: polar_columns => z; rewrite -et; exact: topE.
- exact: support hw hC c0 hs.
Qed.

Lemma decideE lo low up x : (forall r (U : 'M_(m q, r)) (V : 'M_(n q, r)), dv lo <= objective U V) ->
  dv low <= objective (q := q) (U0 q) (V0 q) -> objective (q := q) (U0 q) (V0 q) <= dv up ->
  sentence q (dv up) (decide mul d lo low up x).
Proof.
move=> hlo hlow hup; rewrite /decide; set eps := dmax _ _.
have e : dv eps = epsilon q (dv up) by rewrite /eps dv_max dvM dv_abs.
case: ifP => [|_]; first rewrite dv_le dvB e => h c r U V.
  apply: (le_trans hup); move: h; rewrite lerBlDr => h; apply: (le_trans h).
  by rewrite addrC lerD2r.
case: x => [x|] //; case: ifP => // /and3P[/shapedP hu /shapedP hv].
rewrite dv_lt dvD e => h; have hx := value_up hu hv.
have less : objective (q := q) (mx (dm d) (bsize x) (bU x)) (mx (dn d) (bsize x) (bV x))
    + epsilon q (dv up) < objective (q := q) (U0 q) (V0 q).
  by apply: le_lt_trans (lt_le_trans h hlow); rewrite lerD2r.
case: ifP => [small|_]; exists (bsize x), (mx (dm d) (bsize x) (bU x)), (mx (dn d) (bsize x) (bV x)).
  split; last exact: less.
  by apply/ssrnat.leP; apply: (proj1 (PeanoNat.Nat.leb_le _ _)).
exact: less.
Qed.

Lemma conclude lo low up x :
  (forall r (U : 'M_(m q, r)) (V : 'M_(n q, r)), dv lo <= objective U V) ->
  dv low <= objective (q := q) (U0 q) (V0 q) -> objective (q := q) (U0 q) (V0 q) <= dv up ->
  holds q (dv lo) (dv up) (decide mul d lo low up x).
Proof. by move=> hlo hlow hup; split=> //; exact: decideE. Qed.

End Question.

Lemma check_withE d p x : check_with mul d p x = if well_formed d then
    if lower_bound mul d p is Some lower then
      let upper := value mul root_up d (dr d) (dU d) (dV d) in
      let low := value mul root_down d (dr d) (dU d) (dV d) in
      Some (lower, upper, decide mul d lower low upper x)
    else None
  else None.
Proof. by rewrite /check_with /value; case: well_formed; case: lower_bound. Qed.

Theorem check_with_sound d p x lower upper answer :
  check_with mul d p x = Some (lower, upper, answer) ->
  holds (meaning d) (dv lower) (dv upper) answer.
Proof.
rewrite check_withE; case: ifP => // good; case e: (lower_bound mul d p) => [lo|] // [<- <- <-].
have hlo := lowerE good e; case/and5P: (good) => _ _ _ /shapedP hu /andP[/shapedP hv _].
have hup := value_up good hu hv; have hlow := value_down good hu hv.
exact: conclude.
Qed.

End Main.
End Values.
