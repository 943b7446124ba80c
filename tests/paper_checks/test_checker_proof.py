"""What the proof of the checker rests on, and that a weaker check has none."""

import re
import shutil
import subprocess

import pytest

from certify.pipeline.certificate.checked import CLOSED
from paper_checks._formal import AXIOM
from paper_checks._statements import FORMAL
from tests.paper_checks.checker_cases import BUILT, FOLDER, LIMIT

pytestmark = [pytest.mark.thorough, BUILT]

DEPENDENTS = {"Statement.v": ("Statement", "Rule", "Proof"), "Checker.v": ("Checker", "Proof")}


def test_the_theorem_rests_on_no_axiom(binary):
    assert (binary.parent / "assumptions.txt").read_text(encoding="utf-8") == CLOSED


def test_it_holds_of_the_real_numbers_of_coq_s_library_by_their_axioms_alone(binary):
    asked = ["make", "-s", "-C", str(binary.parent), "reals.txt"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stderr[-4000:]
    text = (binary.parent / "reals.txt").read_text(encoding="utf-8")
    assert text.startswith("Axioms:\n")
    assert set(AXIOM.findall(text.removeprefix("Axioms:\n"))) == {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "Classical_Prop.classic",
        "Epsilon.epsilon_statement",
        "FunctionalExtensionality.functional_extensionality_dep",
    }


def test_nothing_is_left_unproved():
    unproved = re.compile(
        r"\b(?:Admitted|admit|give_up|Axioms?|Parameters?|Conjectures?|bypass_check)\b"
    )
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.v"))]
    assert len(texts) >= 10
    assert not [text for text in texts if unproved.search(text)]


WEAKER_LAYERS = (  # lines of the checker about hidden layers
    ("dleb (dmul tau i) one && dleb one (dmul tau i)", "dleb (dmul tau i) one"),
    ("dleb (dmul tau i) one && dleb one (dmul tau i)", "dleb one (dmul tau i)"),
    (" && Z.ltb Z0 (num tau) then", " then"),
    ("if eqn n 1 then Some (gadd", "if true then Some (gadd"),
    ("[:: if plus then Zpos xH else Zneg xH]] (Zneg xH)", "[:: Zpos xH]] (Zneg xH)"),
    ("gsub g (levels c level beside_ r)", "gadd g (levels c level beside_ r)"),
    ("wide := dadd one (", "wide := dadd dzero ("),
    ("(dmul (dmax t dzero) wide)", "(dmul t wide)"),
    ("if linear then dmul y y else y", "y"),
    ("form_top m (m + k + c)", "form_top (m + 1) (m + k + c)"),
    ("(beside (beside p (gscale minus_one f)) (blank m c))", "(beside (beside p f) (blank m c))"),
    ("(beside (beside minus f) r)", "(beside (beside p f) r)"),
    ("if dleb x y then y else x", "y"),
    ("dmul (dsub one a) tau", "tau"),
    ("    && (if nth", "    || (if nth"),
    ("if s then x.2 else dmul minus_one x.2", "x.2"),
    ("listed (size path) mu && all", "all"),
    ("if eqn i j then Some b else s else s", "Some b else s"),
    ("dleb a (kappa x), dleb (kappa x) one", "dleb (kappa x) one"),
    ("dleb a (kappa x), dleb (kappa x) one", "dleb a (kappa x)"),
    ("multipliers path (to_low x)\n", "true\n"),
    ("& multipliers path (to_high x)", "& true"),
    ("Some (if s then w else dmul w a, dzero)", "Some (w, dzero)"),
    ("dleb a r && dleb r one", "dleb r one"),
    ("dleb a r && dleb r one", "dleb a r"),
    ("(dmax (dmul (dsub kappa a) lo) (dmul (dsub one kappa) hi))", "(dmul (dsub one kappa) hi)"),
    ("dleb a one, multipliers path mu", "multipliers path mu"),
    ("dleb a one, multipliers path mu", "dleb a one"),
    ("listed m rho, all (chord_ok path) chords", "listed m rho"),
    ("Some s => if eqn n 1 then cell", "Some s => if true then cell"),
    ("NonNegative => square (Some true) t", "NonNegative => square (Some false) t"),
    ("NonPositive => square (Some false) t", "NonPositive => square None t"),
    ("if x is Some x then Some (dmax x dzero) else None.", "x."),
    ("L2 => Some (foldr dadd dzero x)", "L2 => Some (foldr dmax dzero x)"),
    ("shaped (dpatches d) (dinputs d) f && pool_ok", "pool_ok"),
    ("eqn (dinputs d) (dm d), eqn", "eqn"),
    ("Z.add (ex x) (Z.min (dex a) Z0)", "Z.add (ex x) (dex a)"),
    ("Row i => Nat.ltb i m | Line a => shaped 1 (m + k) a", "Row i => Nat.ltb i m | _ => true"),
    ("Row i => Nat.ltb i m | Line a =>", "Row i => true | Line a =>"),
    ("eqn (dpatches d) (dm d), ~~ dfree d &", "eqn (dpatches d) (dm d) &"),
    ("Z.ltb Z0 c && all (fun r =>", "all (fun r =>"),
    ("all (fun r => Z.eqb (last Z0 r) c) (ints f)", "true"),
    ("far := sqrt_up (foldr dmax dzero (squares_of_rows g))", "far := dzero"),
    ("dmul (dmul far far) (Dy 1", "dmul far (Dy 1"),
    ("(Dy 1 (Z.opp (Z.add (ex f) (ex f))))) (Z.mul c c)", "(Dy 1 Z0)) (Z.mul c c)"),
    ("if dfree d && ~~ zeros (column_sums m n w) || negb", "if negb"),
    ("dadd (sqrt_up x) (far b)", "sqrt_up x"),
    ("dmul (dmax beside_ dzero) (reach b)", "dzero"),
    ("dmul (dadd one (reach b)) (dadd", "dmul one (dadd"),
    ("dmul (dabs (foldr dadd dzero x)) (far b)", "dzero"),
    ("form (only (gsub (scalar k one) p)) beside_", "form (only p) beside_"),
    ("(priced_ (dfree d) u); of_", "u; of_"),
    ("dleb one a && negb (dfree d) then", "dleb one a then"),
    ("    if dleb a one && dleb one a && negb", "    if dleb a one && negb"),
    (
        "(mul (transpose (dinputs d) f) (transpose n w)) x",
        "(mul (transpose n w) (transpose n w)) x",
    ),
    ("x shift)\n                 (ball_cost (dright_norm d) (unit_column n))", "x shift) one"),
    ("[:: map (fun _ => Z0) r]", "[:: r]"),
)

WEAKER_PATCHES = (  # lines of the checker about patches
    ("all (fun k => Nat.ltb k (dm d)) s\n", "true\n"),
    ("eqn (size s) (dpatches d), all", "all"),
    ("(Z.eqb (num a) Z0 && ~~ dfree d)", "~~ dfree d"),
    ("(Z.eqb (num a) Z0 && ~~ dfree d)", "Z.eqb (num a) Z0"),
    ("else eqn (dpatches d) (dm d).", "else true."),
    ("eqn (dinputs d) (dm d), eqn (dpatches d) (dm d),", "eqn (dinputs d) (dm d),"),
    ("if dpool d is None then true else false", "true"),
    ("if largest then Z.max else Z.add", "Z.add"),
    ("  if largest_ d then\n", "  if false then\n"),
    ("if Z.ltb Z0 omega then map (less_base y) x else", "if true then map (less_base y) x else"),
    ("Z.ltb Z0 omega && Z.eqb b (Zneg xH)", "Z.eqb b (Zneg xH)"),
    ("(g, sqrt_up (Dy (dotz Z0 l l) (Z.add e e)))", "(g, sqrt_up (Dy Z0 (Z.add e e)))"),
    ("zip_with Z.sub x.2 base.2", "zip_with Z.add x.2 base.2"),
    ("dadd (dmul (Dy o w) t.2)", "dadd (dmul (Dy Z0 w) t.2)"),
    ("(iota (size x) h)", "(iota 0 h)"),
    ("(blank h 1) in\n", "(filled h 1) in\n"),
    ("all (fun r => eqn (size r) k) (ints rows)", "true"),
    ("output_square (if plus then NonNegative else NonPositive)", "output_square NonNegative"),
    ("dadd (sqrt_up (dmax y dzero)) lost", "sqrt_up (dmax y dzero)"),
)

WEAKER_DEEP = (  # lines of the checker about deep networks
    ("shaped (size (ints f)) c f, eqn (dm d)", "eqn (dm d)"),
    ("eqn (dm d) (size (ints f) * last c l), eqn", "eqn"),
    ("eqn (dn d) 1, eqn (dinputs d) (layers_size c l)", "eqn (dinputs d) (layers_size c l)"),
    ("eqn (dn d) 1, eqn (dinputs d) (layers_size c l)", "eqn (dn d) 1"),
    ("Nat.ltb 1 (size l), Z.leb Z0 (num a) &", "Z.leb Z0 (num a) &"),
    ("Nat.ltb 1 (size l), Z.leb Z0 (num a) &", "Nat.ltb 1 (size l) &"),
    ("Z.leb Z0 (num a) & negb (is_tensor d)", "Z.leb Z0 (num a) & true"),
    ("if ddeep d is Some _ then ones v else\n", ""),
    ("nth Z0 s k) x, ex u)", "nth Z0 s k) x, Z0)"),
    ("dotz Z0 x x :: layer_squares e l'", "dotz Z0 x x :: layer_squares d l'"),
    ("(drop (d * c) w) (activate a z)", "(drop (d * c) w) z"),
    ("(power (dmax one a) (2 * (size l).-1))", "(power (dmax one a) (size l).-1)"),
    ("(power (dmax one a) (2 * (size l).-1))", "(power a (2 * (size l).-1))"),
    ("    if dleb a one && dleb one a\n", "    if dleb a one\n"),
    ("mul (transpose d f) (transpose n w)", "w"),
)

WEAKER_LOGARITHMS = (  # lines of the checker about exp and log
    ("Z := Z.shiftr (Z.mul x y) fine", "Z := Z.succ (Z.shiftr (Z.mul x y) fine)"),
    ("Z.succ (Z.shiftr (Z.mul x y) fine)", "Z.shiftr (Z.mul x y) fine"),
    ("(Z.max Z0 (Z.add unit_ x))", "(Z.add unit_ x)"),
    ("(Z.succ (Z.div (Z.mul unit_ unit_) (Z.sub unit_ x)))", "(Z.add unit_ x)"),
    ("halvings : nat := 100", "halvings : nat := 99"),
    ("(Z.add y x) (mul w v)", "(Z.add y x) w"),
    ("reduce mul rest (Z.sub x e.1) (mul v e.2)", "reduce mul rest x (mul v e.2)"),
    ("rows.1) (Z.abs x) unit_ in", "rows.1) x unit_ in"),
    ("Z.leb Z0 e.1 && Z.leb e.1 small_", "true && Z.leb e.1 small_"),
    ("Z.leb Z0 e.1 && Z.leb e.1 small_", "Z.leb Z0 e.1 && true"),
    ("near (if minus then Z.opp e.1 else e.1)", "near e.1"),
    ("Z.add (near_down r) (Z.add s s)", "near_down r"),
    ("if Z.ltb Z0 v then (g, v)", "if Z.leb Z0 v then (g, v)"),
    ("(g, v) else (Z0, unit_)", "(g, v) else (g, unit_)"),
    ("in ceil_div (Z.mul half_ (Z.sub", "in Z.div (Z.mul half_ (Z.sub"),
    ("(surplus h.2 (Z.add half_ r) half_)", "r"),
    ("Z := Z.opp (log_above y x)", "Z := log_above x y"),
    ("(log_above (Z.add unit_ v) unit_)", "(log_above v unit_)"),
    ("(log_below (Z.add unit_ v) unit_)", "(log_below v unit_)"),
    ("exp_up (round_up (Z.opp (Z.abs r)) e)", "exp_up (round_down (Z.opp (Z.abs r)) e)"),
    ("Z.opp (round_down (Z.opp r) e)", "round_down r e"),
    ("Hinge | Logistic => nonneg x && le_ x c", "Hinge | Logistic => nonneg x"),
    ("if up then softplus_up else softplus_down", "softplus_down"),
    ("~~ logistic (dloss d) || zeros", "true || zeros"),
    ("(Z.mul b (log_above b c))", "(Z.mul c (log_above b c))"),
    ("dsub (likelihoods d (gscale s w)) (dhalf", "dsub (likelihoods d w) (dhalf"),
    ("(dhalf (dmul (dmul s s) (cost_ d w)))\n  else", "dzero\n  else"),
    ("if transcendental (dloss d) then l false else most", "most"),
)

WEAKER_COUNTS = (  # lines of the checker about counts
    ("nonneg z && supported (dY d) z", "nonneg z"),
    ("nonneg z && supported (dY d) z", "supported (dY d) z"),
    ("Z.leb (round_up x (ex z)) reach_", "true"),
    ("~~ counted (dloss d) || nonneg", "true || nonneg"),
    ("if up then exp_up (round_up z e) else", "if up then exp_down (round_down z e) else"),
    ("if up then log_above y z else log_below y z", "log_below y z"),
    ("nonneg x && supported (dY d) x", "nonneg x"),
    ("nonneg x && supported (dY d) x", "supported (dY d) x"),
    ("Poisson => nonneg (counts_less d w)", "Poisson => true"),
    ("Z.mul k (Z.sub half_ (log_above k c))", "Z.mul k (Z.sub half_ (log_below k c))"),
    ("Z.mul c (log_below (Z.add c w) c)", "Z.mul c (log_above (Z.add c w) c)"),
    ("then exponentials d (blank (dm d) (dn d)) else dzero", "then dzero else dzero"),
    ("else Some (least_loss d).\n\nDefinition decide", "else Some dzero.\n\nDefinition decide"),
    ("       && finite_ d (bsize x) (bU x) (bV x) (bO x)\n", ""),
    ("well_formed d && finite_ d (dr d)", "well_formed d || finite_ d (dr d)"),
)

WEAKER_CLASSES = (  # lines of the checker about classes
    (
        "let x := Z.sub z top in if up then exp_up (round_up x e)",
        "let x := Z.sub z top in if up then exp_up (round_down x e)",
    ),
    ("t := if up then log_above s unit_ else log_below s unit_", "t := log_above s unit_"),
    ("t := if up then log_above s unit_ else log_below s unit_", "t := log_below s unit_"),
    ("if up then round_up (Z.sub top z) e else", "if false then round_up (Z.sub top z) e else"),
    ("foldr Z.max z r' else", "foldr Z.min z r' else"),
    (
        "inner (entrywise (dC d) (dY d)) (Grid (map (class_ends",
        "inner (dC d) (Grid (map (class_ends",
    ),
    ("Softmax => nonneg (counts_less d w) && all", "Softmax => all"),
    ("(sumz (fun z _ => z) Z0 r r) Z0) (ints w)", "Z0 Z0) (ints w)"),
    ("Z.opp (Z.mul z (log_above z c))", "Z.opp (Z.mul z (log_below z c))"),
)

WEAKER_TENSORS = (  # lines of the checker about products of vectors
    ("signs_ok (modes_of d) (vectors_of d u) && zeros", "zeros"),
    (" && zeros (gsub v (right_products d r u))", ""),
    ("then left_products d r u else", "then u else"),
    ("if one then u else Grid (drop", "if ~~ one then u else Grid (drop"),
    ("eqn (size_of (dleft_modes d)) (dm d),", "true,"),
    ("eqn (size_of (dright_modes d)) (dn d),", "true,"),
    ("Nat.ltb 0 (size (dleft_modes d)) &&", "true &&"),
    ("&& Nat.ltb 0 (size (dright_modes d))", "&& true"),
    ("all (eqn (dinputs d)) s else", "true else"),
    ("else eqn (sumn s) (dinputs d)", "else true"),
    ("if dlayer d is None then true else false", "true"),
    ("all (fun x => norm_ok x.1 x.2.1) (zip (dmode_norms d) (modes_of d))", "true"),
    ("eqn (size (dmode_norms d)) (size (modes_of d))", "true"),
    ("(Z.mul a.1 b.1, Z.add a.2 b.2)", "(Z.mul a.1 b.1, b.2)"),
    ("if odd k then dmul y (length_of up x) else y", "y"),
    ("| Sum => share up (", "| Sum => share false ("),
    ("dzero x) (Z.of_nat (size x))", "dzero x) (Z.of_nat (size x).+1)"),
    ("foldr (fun d => times_sign d.2) NonNegative l", "NonNegative"),
    ("is_l1 p k && well_formed d'", "well_formed d'"),
    ("is_l1 p k && well_formed d'", "is_l1 p k"),
    ("L2 | LInf => eqn k 1", "L2 | LInf => true"),
    ("if is_free s' || is_free s'' then [:: one] else [:: one; minus_one]", "[:: one]"),
    ("NonPositive => [:: minus_one]", "NonPositive => [:: one]"),
    ("gscale c (slice_at m n w i)) (iota 0 k)", "gscale c (slice_at m n w i)) (iota 1 k)"),
    ("eqn (size each) (size (slice_signs s s' s'') * k) then", "true then"),
    ("then Some (foldr dmax dzero x) else None", "then Some (last dzero x) else None"),
    ("(sign_of (dright_modes d)) (gscale minus_one w)", "(sign_of (dright_modes d)) w"),
    ("(Z.add (ex a) (ex b))\n  else", "(Z.sub (ex a) (ex b))\n  else"),
    ("i * size_of l' + place_of l' a'", "i + place_of l' a'"),
    ("Nat.ltb i d.1 && inside_of l' a'", "inside_of l' a'"),
    ("eqn i j || if d.2 is Free then false else true", "true"),
    ("inside_of l a, inside_of l b & if", "inside_of l a & if"),
    ("Z.leb Z0 v && alike l a b", "alike l a b"),
    ("Z.leb Z0 v && alike l a b", "Z.leb Z0 v"),
    ("(zip_with Nat.max a b)) (Z.opp v)", "(zip_with Nat.max a b)) v"),
    ("bump (bump x i j v) j i v", "bump x i j v"),
    ("if all (pair_ok l x) (entries_at x) then", "if true then"),
    ("Nat.leb i (size r) && all (fun c => inside_of", "all (fun c => inside_of"),
    (" && all (fun c => inside_of l (insert_at i c r)) (iota 0 d)", ""),
    ("all (rest_ok l i d) (rests p) && shaped d d q", "shaped d d q"),
    ("all (rest_ok l i d) (rests p) && shaped d d q", "all (rest_ok l i d) (rests p)"),
    ("gscale (if sign then one else minus_one) (mul t (mul t q))", "mul t (mul t q)"),
    ("if eqn j (of_split p) then", "if true then"),
    ("take i r ++ c :: drop i r", "c :: r"),
    ("Z.add (nth Z0 row i) x)) rests' f'", "x)) rests' f'"),
    ("if symmetric k g then Some (top k g (pL p)", "if true then Some (top k g (pL p)"),
    ("if fits (sign_of l) (sign_of l') m n n' && all", "if all"),
    ("right : bool then (l', m) else (l, 0)", "right : bool then (l', 0) else (l, 0)"),
    (
        "then let p := dmax p dzero in Some (dmul p p) else None\n    else",
        "then Some p else None\n    else",
    ),
)

WEAKER_CUBES = (  # lines of the checker about the largest entry as a norm
    ("n' && all (@outside_l2 _) (dmode_norms d) then", "n' then"),
    ("Z.max (Z.abs z) a) Z0 x in", "Z.max z a) Z0 x in"),
    ("LInf => Z.add acc (met s z)", "LInf => Z.max acc (met s z)"),
    ("| LInf => Z.mul a a\n", "| LInf => a\n"),
    ("more) l shift) dzero) y z)", "more) l shift) dzero) (unit_column m) z)"),
    ("|| negb (outside_l2 (dleft_norm d)) then", "then"),
    ("dmul (dmax x dzero) (ball_cost (dright_norm d) (unit_column n))", "dmax x dzero"),
    ("dadd (sqrt_up (dmax x dzero))", "dadd (dmax x dzero)"),
    ("Free => [:: Zneg xH; Zpos xH]", "Free => [:: Zpos xH]"),
    ("NonNegative => [:: Z0; Zpos xH]", "NonNegative => [:: Zpos xH]"),
    ("NonPositive => [:: Z0; Zneg xH]", "NonPositive => [:: Z0; Zpos xH]"),
    ("Z.add (Z.mul c w) y) r x)", "Z.add w y) r x)"),
    ("else [:: nseq n Z0].\nDefinition corners", "else [::].\nDefinition corners"),
    ("(dright_norm d) (dright d) w)\n    | _", "(dright_norm d) (dleft d) w)\n    | _"),
)

WEAKER_NORMS = (  # lines of the checker about weights, groups and elastic norms
    ("Z.leb Z0 (num alpha) && dleb alpha one", "Z.leb Z0 (num alpha)"),
    ("eqn (size w) k && all (fun x => Z.ltb Z0 (num x)) w", "eqn (size w) k"),
    ("eqn (size g) k && all (fun c => Nat.ltb c k) g", "eqn (size g) k"),
    ("Weighted w => half_exponent w\n", "Weighted _ => Z0\n"),
    ("Groups _ => Z.opp guard", "Groups _ => Z0"),
    ("Z.leb Z0 t && Z.leb rest", "Z.leb rest"),
    ("then square_ t else a", "then t else a"),
    ("then zip_with (fun d w => dmul d (inverse_up w)) d w else d", "then d else d"),
    ("foldr dadd dzero (in_groups dmax", "foldr dmax dzero (in_groups dmax"),
    ("if scales is Some _ then entrywise (mul y z) x else x", "x"),
    ("(positive m y && positive n z)", "positive m y"),
    ("over_weight (square_ (met s e.1)) e.2", "square_ (met s e.1)"),
    (
        "Groups g => foldr Z.max Z0 (in_groups Z.add Z0 g (map (fun",
        "Groups g => foldr Z.min Z0 (in_groups Z.add Z0 g (map (fun",
    ),
    ("in Grid (regrid w e) e end", "in Grid (ints w) e end"),
)

WEAKER_CONES = (  # lines of the checker about cones
    ("Z.add (Z.shiftl x a) (Z.shiftl y b)", "Z.sub (Z.shiftl x a) (Z.shiftl y b)"),
    ("Z.max Z0 (Z.sub (size_ v') (size_ v))", "Z.sub (size_ v') (size_ v)"),
    ("Z.max Z0 (Z.sub (size_ v) (size_ v'))", "Z.sub (size_ v) (size_ v')"),
    ("[&& Nat.ltb i k, Nat.ltb j k & negb (eqn i j)]", "Nat.ltb i k && Nat.ltb j k"),
    ("[&& Nat.ltb i k, Nat.ltb j k & negb (eqn i j)]", "Nat.ltb j k && negb (eqn i j)"),
    ("[&& Nat.ltb i k, Nat.ltb j k & negb (eqn i j)]", "Nat.ltb i k && negb (eqn i j)"),
    ("Some (half_cone c new i j a b, half_cone c new j i b a)", "Some (c, c)"),
    ("half_cone c new j i b a)", "half_cone c new i j a b)"),
    ("set_nth no_vertex (vertices c) i v", "set_nth no_vertex (vertices c) j v"),
    ("Z.leb (Z.shiftl b deep) (dotz", "Z.leb b (dotz"),
    ("if Z.leb Z0 deep && all", "if all"),
    ("all2 above_ bounds (vertices c)", "all2 above_ (behead bounds) (behead (vertices c))"),
    (
        "root_up (dual_square None p s y)) (Z.sub (Z.sub e bits) deep)",
        "root_up (dual_square None p s y)) (Z.sub e bits)",
    ),
    ("(take k (foldr", "((foldr"),
    ("Free => [:: Zpos xH; Zneg xH]", "Free => [:: Zpos xH]"),
    ("NonNegative => [:: Zpos xH]", "NonNegative => [:: Zneg xH]"),
    ("NonPositive => [:: Zneg xH]", "NonPositive => [:: Zpos xH]"),
    ("Free, Free => true | _, _ => false", "Free, _ => true | _, _ => false"),
    ("Free, Free => true | _, _ => false", "_, Free => true | _, _ => false"),
    ("| [::], [::] => Some dzero", "| _, [::] => Some dzero"),
    (
        "forest make roots' trees' with\n    | Some x, Some y => Some (dmax x y)",
        "forest make roots' trees' with\n    | Some x, Some y => Some y",
    ),
    ("if Z.leb Z0 t && all2 (all2", "if true || all2 (all2"),
    ("negb (all (Z.leb Z0) t.2)) live", "negb (has (Z.leb Z0) t.2)) live"),
    ("Z.add h (Z.mul t w)) (drop k x) w", "Z.sub h (Z.mul t w)) (drop k x) w"),
    ("set_nth Z0 t.2 i (at_new t)", "set_nth Z0 t.2 j (at_new t)"),
    (
        "(nth Z0 t.2 i) a) (Z.shiftl (nth Z0 t.2 j) b)",
        "(nth Z0 t.2 i) b) (Z.shiftl (nth Z0 t.2 j) a)",
    ),
    ("if Z.leb Z0 t && Z.leb t steep then", "if Z.leb Z0 t then"),
    ("if Z.leb Z0 t && Z.leb t steep then", "if Z.leb t steep then"),
    ("Z.mul (Z.max w Z0) t", "Z.mul w t"),
    ("Z.max high (Z.opp low)", "high"),
    ("NonPositive => Z.opp low end", "NonPositive => low end"),
    ("over := map (Z.max Z0) x", "over := x"),
    ("(ceil_div (sumz negative_times Z0 w under) steep)", "(sumz negative_times Z0 w over)"),
    ("if open_ c is [::] then map most", "if true then map most"),
    ("dual_square None p' NonNegative (map", "dual_square None p' s' (map"),
    ("zip_with Z.mul signs t.2)) points", "t.2)) points"),
    ("if free then k.-1 else k", "k"),
    ("if has (all2 Z.eqb x) l then", "if has (fun _ => true) l then"),
    ("zeros w && is_even Free s'", "is_even Free s'"),
    ("fun x => zip_with Z.sub x root.1", "fun x => x"),
    ("gscale (Dy below Z0) (mul", "gscale (Dy above_ Z0) (mul"),
    ("map (Z.mul above_) w, f)", "map (Z.mul below) w, f)"),
    ("negb (all (Z.eqb Z0) t.1)", "negb (has (Z.eqb Z0) t.1)"),
    ("Z.sub (Z.shiftl 1 (Z.opp t)) below", "Z.shiftl 1 (Z.opp t)"),
    ("(Z.sub (ex (lowest f)) finer)) t", "(ex (lowest f))) t"),
    ("Z.min (ex x) Z0", "ex x"),
)

WEAKER_OFFSETS = (  # lines of the checker about designs of offsets
    ("& supported (oX o) (xM x)]", "& true]"),
    ("supported t (xR (dX d)) && le_ (gscale s t) (xR (dX d))", "supported t (xR (dX d))"),
    ("le_ (gscale s t) (xR (dX d))", "le_ t (gscale s (xR (dX d)))"),
    ("if Z.eqb p Z0 then t else Z0", "Z0"),
    ("let t := magnitudes (bare_sums d w) in", "let t := bare_sums d w in"),
    (
        "else squares_over_up (where_ (xP (dX d)) (design_sums d w)) (xP (dX d)))",
        "else dzero)",
    ),
    (" (squares (xP x) (oX o))", " dzero"),
    ("(inner (xR x) (magnitudes (oX o)))", "dzero"),
    ("else gadd z (designed_ (dX d) (oX o))", "else z"),
    ("ones (dC d) && eqn (left_width_ (dX d)) 0, if", "ones (dC d), if"),
    ("shaped p k (xR x) && nonneg (xR x)", "shaped p k (xR x)"),
    ("shaped p k (xP x) && nonneg (xP x)", "shaped p k (xP x)"),
    ("Z.leb Z0 (num s), shaped", "shaped"),
    ("(mul (transpose (left_width_ x) (xA x)) (transpose (dn d) w))", "(transpose (dn d) w)"),
    ("& within_ d s w]", "& true]"),
    ("  if ones c then inner w w else\n", "  if true then inner w w else\n"),
    ("|| zeros (xP (dX d)) then dzero", "|| true then dzero"),
)

WEAKER_BALLS = (  # lines of the checker about parts of two balls
    ("(Z.mul y (Z.mul s t))", "(Z.mul s t)"),
    ("Z.eqb (Z.mul s s) 1 &", "true &"),
    ("& Z.eqb (Z.mul t t) 1]", "& true]"),
    ("Nat.ltb i total && at_corner", "Nat.ltb i total || at_corner"),
    ("negb (eqn (nth 0 groups (e.1 - first)) c)]", "eqn (nth 0 groups (e.1 - first)) c]"),
    ("then if all (eqn e) rest then only e", "then if true then only e"),
    (
        "Some (Piece (sides_at x) (only c) (not_in x),",
        "Some (Piece (sides_at x) (only c.+1) (not_in x),",
    ),
    ("all (fun e => Z.eqb e.2 Z0 || has (eqn e.1) hs) (copies x)", "true"),
    ("if eqn h k then g else mul m (mul m g)", "mul m g"),
    ("[&& shaped k k s, symmetric k s &", "[&& shaped k k s, true &"),
    ("eqn (nth total hs (at_ + i)) (first + i)", "true"),
    ("if s' is Free then Z.abs else Z.max Z0", "Z.max Z0"),
    ("dadd e.1 (Dy (nth Z0 e.2.2 e.2.1) (ex s))", "e.1"),
    ("(off_diagonal s' s).", "dzero."),
    ("Some (dmax on (dmul over (inverse_up (dmul far far))))", "Some on"),
    ("dadd e.1 (nth dzero inside e.2)", "e.1"),
    ("(block_size s (across id x)).", "dzero."),
    ("(map (dmax dzero) d), g)", "d, g)"),
    ("(dadd (dadd c c') (dmul t", "(dadd c (dmul t"),
    ("(dadd (widest_of l 0 hs) (widest_of r (width_ l) hs))", "(widest_of l 0 hs)"),
    ("Nat.ltb i (first + width_ b)) hs)", "Nat.ltb i (width_ b)) hs)"),
    ("if sign_in b is Free then [::] else map", "map"),
    ("[:: 1%Z; Zneg xH])", "[:: 1%Z; Zneg 2])"),
    ("[:: (0, unit_of s); (i.+1, 1%Z)]", "[:: (0, 1%Z); (i.+1, 1%Z)]"),
    ("(cube && if s is Free then true else false)", "cube"),
    ("(~~ boxes.1 || is_cube p) &&", "true &&"),
)

WEAKER_CORRECTIONS = (  # lines of the checker about a dual point beside another
    ("shaped (dm d) (dn d) x && Z.leb Z0 (num z)", "Z.leb Z0 (num z)"),
    ("shaped (dm d) (dn d) x && Z.leb Z0 (num z)", "shaped (dm d) (dn d) x"),
    ("(sqrt_up (dmul (inner e e) c)) in dmul p p", "dzero in dmul p p"),
    ("(sqrt_up (dmul (inner e e) c)) in", "(sqrt_up (inner e e)) in"),
    ("dmul z (sqrt_up (dmax t dzero))", "sqrt_up (dmax t dzero)"),
    ("dmul z (sqrt_up (dmax t dzero))", "dmul z (dmax t dzero)"),
    ("if all (@outside_l2 _) (dmode_norms d) then Some one else None\n", "Some one\n"),
    ("Some (dmul (ball_cost (dleft_norm d) (unit_column (dm d)))", "Some (dmul one"),
)

CHANGES = [  # a stronger statement, or a weaker check: the file, its text and another
    ("Statement.v", "lower <= objective U V o", "objective U V o <= lower"),
    ("Statement.v", "<= objective U V o + epsilon", "<= objective U V o - epsilon"),
    ("Statement.v", "(V0 q) o <= upper", "(V0 q) o + 1 <= upper"),
    ("Statement.v", "(r <= r0 q)%N & forall", "(r < r0 q)%N & forall"),
    ("Statement.v", "own_size q -> (r <= r0 q)%N", "true"),
    ("Statement.v", "~~ columns q -> of_columns o = 0", "true"),
    ("Statement.v", "~~ rows q -> of_rows o = 0", "true"),
    ("Statement.v", "forall i j, 0 <= U i j", "forall i j, 0 < U i j"),
    ("Statement.v", "(~~ found q -> o = Offsets (a0 q) (b0 q) (x0 q))", "true"),
    ("Statement.v", "of_columns o 0 j + of_rows o i 0\n", "of_columns o 0 j - of_rows o i 0\n"),
    ("Statement.v", "Num.max 0 (1 - y * z)\n", "Num.max 0 (1 + y * z)\n"),
    ("Statement.v", "Squared => (y - z)", "Squared => (y + z)"),
    ("Statement.v", "delta ^+ 2 / 2", "delta ^+ 2"),
    ("Statement.v", "then tau * (y - z)", "then (1 - tau) * (y - z)"),
    ("Statement.v", "| Absolute => `|y - z|", "| Absolute => `|y - z| / 2"),
    ("Statement.v", "(1 - y * z) ^+ 2", "(1 - y * z) ^+ 2 / 2"),
    ("Statement.v", "log (1 + exp ((", "log (2 + exp (("),
    ("Statement.v", "z - y * log z + y * log y", "z - y * log z - y * log y"),
    ("Statement.v", "exp z - y * z", "exp z - 2 * y * z"),
    ("Statement.v", "y * (s - z)", "y * s - z"),
    ("Statement.v", "(log (\\sum_k exp", "(log (1 + \\sum_k exp"),
    ("Statement.v", "0 <= z /\\ (0 < y -> 0 < z)", "0 <= z"),
    ("Statement.v", "0 <= z /\\ (0 < y -> 0 < z)", "0 < y -> 0 < z"),
    ("Statement.v", "0 < C q i j -> finite", "0 <= C q i j -> finite"),
    ("Statement.v", "(1 - 2 * y) * z", "(1 - y) * z"),
    ("Statement.v", "1 + x <= exp x", "1 <= exp x"),
    ("Statement.v", "exp (x + y) = exp x * exp y", "exp (x + y) = exp x + exp y"),
    ("Statement.v", "0 < x -> exp (log x) = x", "0 < x -> exp (log x) = 2 * x"),
    ("Statement.v", "ridge_a q 0 j / 2 *", "ridge_a q 0 j / 4 *"),
    ("Statement.v", "  + ridge o\n", ""),
    ("Statement.v", "& forall k l, of_designs o k l = 0 \\/ fitted_x q k l]", "& True]"),
    ("Statement.v", "ridge_x q k l / 2 *", "ridge_x q k l / 4 *"),
    ("Statement.v", "rho_x q k l * `|", "rho_x q k l / 2 * `|"),
    ("Statement.v", "  + (left_design q *m", "  - (left_design q *m"),
    ("Statement.v", "*m (right_design q)^T) i j.", "*m (right_design q)^T) i j / 2."),
    (
        "Statement.v",
        "LInf => \\big[Num.max/0]_i `|u i 0|",
        "LInf => 2 * \\big[Num.max/0]_i `|u i 0|",
    ),
    ("Statement.v", "Product => \\prod_(y <- x) y", "Product => \\sum_(y <- x) y"),
    ("Statement.v", "y ^+ size x) /", "y ^+ (size x).+1) /"),
    ("Statement.v", "/ (size x)%:R end", "/ (size x).+1%:R end"),
    ("Statement.v", "nth 0 w i * u i 0 ^+ 2", "u i 0 ^+ 2"),
    ("Statement.v", "(1 - alpha) * Num.sqrt", "alpha * Num.sqrt"),
    ("Statement.v", "Groups g => \\sum_(c < k)", "Groups g => 2 * \\sum_(c < k)"),
    ("Statement.v", "[Num.max/0]_(c < k)", "[Num.min/0]_(c < k)"),
    ("Statement.v", "L1 => \\sum_i `|u i 0|", "L1 => \\sum_i `|u i 0| / 2"),
    ("Statement.v", "if 0 <= z then z else a * z", "if 0 <= z then z else z - a"),
    ("Statement.v", "(F q *m U)", "(F q *m (U + U))"),
    ("Statement.v", "\\sum_(k < patches q | row_of_patch q k == i)", "\\sum_(k < patches q)"),
    ("Statement.v", "[Num.max/0]_(k < patches q | row_of_patch q k == i)", "[Num.max/0]_k"),
    ("Statement.v", "[Num.max/0]_(k < patches", "[Num.min/0]_(k < patches"),
    ("Statement.v", "if take_largest q\n", "if ~~ take_largest q\n"),
    ("Statement.v", "norm (left_norm q) (priced u)", "norm (left_norm q) u"),
    ("Statement.v", "w (k * e + i)%N in", "w (i * d + k)%N in"),
    ("Statement.v", "(fun i => act a (z i)) j", "z j"),
    ("Statement.v", "Num.sqrt (\\sum_(k < d * e)", "(\\sum_(k < d * e)"),
    ("Statement.v", "then V = const_mx 1 else", "then True else"),
    ("Statement.v", "(i %/ last d l)%N) (i %% last d l)%N", "i) (i %% last d l)%N"),
    ("Statement.v", "(i.+1 == inputs q)%N then 0", "(i == 0 :> nat)%N then 0"),
    ("Statement.v", "NonNegative => 0 <= x ", "NonNegative => 0 < x "),
    ("Statement.v", "(i %/ size_of l')%N", "i"),
    ("Statement.v", "(i %% size_of l')%N", "i"),
    ("Statement.v", "(size (left_modes q) + k)) i.", "k) i."),
    ("Statement.v", "product_at (left_modes q) (vector", "product_at (right_modes q) (vector"),
    ("Statement.v", "if one_vector q then 0", "if ~~ one_vector q then 0"),
    ("Statement.v", "norm (nth L2 (mode_norms q) k)", "norm L2"),
    ("Statement.v", "of_sign (nth (0%N, Free) tensor_modes k).2 (vector (col j U) k i)", "True"),
    *(
        ("Checker.v", old, new)
        for weaker in (
            WEAKER_LAYERS,
            WEAKER_PATCHES,
            WEAKER_DEEP,
            WEAKER_LOGARITHMS,
            WEAKER_COUNTS,
            WEAKER_CLASSES,
            WEAKER_CUBES,
            WEAKER_NORMS,
            WEAKER_TENSORS,
            WEAKER_CONES,
            WEAKER_OFFSETS,
            WEAKER_CORRECTIONS,
            WEAKER_BALLS,
        )
        for old, new in weaker
    ),
    ("Checker.v", "supported w (dC d) & affordable_ d s w", "true & affordable_ d s w"),
    ("Checker.v", "supported w (dC d) & affordable_ d s w", "supported w (dC d) & true"),
    (
        "Checker.v",
        "dadd (bend (dloss d) (squares_over_up w (dC d))) (cost_ d w)",
        "bend (dloss d) (squares_over_up w (dC d))",
    ),
    ("Checker.v", "usable d s w && inside d (gscale s w)", "usable d s w"),
    ("Checker.v", "usable d s w && inside d (gscale s w)", "inside d (gscale s w)"),
    ("Checker.v", "(dsub (dual_value d w s)", "(dadd (dual_value d w s)"),
    ("Checker.v", "inner w (mul (hidden_ d (dr d) (dU d))", "inner w (mul (dU d)"),
    (
        "Checker.v",
        "(penalty false d (dr d) (dU d) (dV d)))\n    else None",
        "(penalty true d (dr d) (dU d) (dV d)))\n    else None",
    ),
    ("Checker.v", "if dfound d then floor_ d w else", "if false then floor_ d w else"),
    ("Checker.v", "SquaredHinge => dhalf x", "SquaredHinge => dzero"),
    ("Checker.v", "Squared | Huber _ => x", "Squared | Huber _ => dhalf x"),
    ("Checker.v", "Free => dmax plus minus", "Free => plus"),
    ("Checker.v", "NonPositive => minus", "NonPositive => plus"),
    ("Checker.v", "NonNegative => Z.max z Z0", "NonNegative => Z0"),
    ("Checker.v", "L1 => Z.max acc y", "L1 => acc"),
    ("Checker.v", "| _ => Z.add acc y", "| _ => Z.max acc y"),
    (
        "Checker.v",
        "| _, _ => None\n    end\n  | Cones",
        "| p, _ => Some (lines None Free p Free w) end\n  | Cones",
    ),
    ("Checker.v", "sumabs Z0 x in Z.mul a a", "sumabs Z0 x in a"),
    ("Checker.v", "if inside d (gscale s (dW p)) then", "if true then"),
    ("Checker.v", "le_ (gscale (dsub dzero delta) c) x && le_", "le_"),
    ("Checker.v", " && le_ x (gscale delta c)", ""),
    ("Checker.v", "gscale (dsub tau one) c", "gscale minus_one c"),
    ("Checker.v", "le_ x (gscale tau c)", "le_ x c"),
    ("Checker.v", "le_ (gscale minus_one c) x && ", ""),
    ("Checker.v", "SquaredHinge => nonneg x\n", "SquaredHinge => true\n"),
    ("Checker.v", "if labelled (dloss d) then entrywise (dY d) w else w", "w"),
    ("Checker.v", "if dloss d is Squared then true else false", "true"),
    ("Checker.v", "defined_ (dloss d) & labels_ok d", "true & labels_ok d"),
    ("Checker.v", "defined_ (dloss d) & labels_ok d", "defined_ (dloss d) & true"),
    ("Checker.v", "Z.min (Z.min e Z0)", "Z.min e"),
    ("Checker.v", "Z.mul d (Z.sub (Z.mul 2 (Z.abs r)) d)", "Z.mul d (Z.sub (Z.abs r) d)"),
    ("Checker.v", "Z.sub (on tau) (on one)", "on tau"),
    ("Checker.v", "nonneg (dP d),", "true,"),
    ("Checker.v", "nonneg_but c 0 (ints n) & symmetric h n", "true & symmetric h n"),
    ("Checker.v", "nonneg_but c 0 (ints n) & symmetric h n", "nonneg_but c 0 (ints n) & true"),
    ("Checker.v", "(Nat.ltb i c && eqn j (i + c))", "Nat.ltb i c"),
    ("Checker.v", "if s.2 then row s.1 else gscale minus_one (row s.1)", "row s.1"),
    ("Checker.v", "rcons path (s, false))", "rcons path (s, true))"),
    ("Checker.v", "if shaped 1 total a then Some", "if true then Some"),
    (
        "Checker.v",
        "worst h'' t' with\n      | Some x, Some y => Some (dmax x y)",
        "worst h'' t' with\n      | Some x, Some y => Some x",
    ),
    ("Checker.v", "with_facts 0 k g", "with_facts 1 k g"),
    ("Checker.v", "is Some p then\n      let p := dmax p dzero in", "is Some p then\n"),
    (
        "Checker.v",
        "fits (dleft d) (dright d) m n multipliers, fits s s k k more",
        "fits s s k k more",
    ),
    ("Checker.v", "fits s s k k more\n", "true\n"),
    ("Checker.v", "(if more is Some x then symmetric k x else true)", "true"),
    ("Checker.v", "(dright d) (gscale minus_one w)", "(dright d) w"),
    ("Checker.v", "down d && ones (dC d)", "ones (dC d)"),
    ("Checker.v", "down d && ones (dC d)", "down d"),
    ("Checker.v", "dcolumns d || zeros a", "true"),
    ("Checker.v", "else if down d then Undecided else RankLimited", "else RankLimited"),
    ("Checker.v", "if Z.leb Z0 (num x) && dleb x s then x else dzero", "x"),
    ("Checker.v", "(Dy (Z.of_nat (dr d)) Z0) (dmax t dzero)", "(Dy (Z.of_nat (dr d)) Z0) t"),
    ("Checker.v", "dsub e (over_up (inner cols cols) m)", "e"),
    ("Checker.v", "norms_ok d, Z.leb Z0 (num (dlam d)),", "norms_ok d, true,"),
    ("Checker.v", "nonneg (dC d),", "true,"),
    ("Checker.v", "Z.leb Z0 (num s) && dleb (dmul (dmul s s) t)", "dleb (dmul (dmul s s) t)"),
    ("Checker.v", "Z.opp (Z.div (Z.opp a) b)", "Z.div a b"),
    ("Checker.v", "if Z.leb Z0 s && Z.leb (Z.mul s s) x then s else Z0", "s"),
    (
        "Checker.v",
        "if Z.leb Z0 t && Z.leb x (Z.mul t t) then t else Z.succ (Z.abs x)",
        "t",
    ),
]


def test_each_change_is_of_a_text_that_is_there_once():
    texts = {file: (FOLDER / file).read_text(encoding="utf-8") for file in DEPENDENTS}
    assert not [(file, old) for file, old, _ in CHANGES if texts[file].count(old) != 1]


@pytest.mark.slow
@pytest.mark.parametrize(("file", "old", "new"), CHANGES)
def test_a_stronger_statement_or_a_weaker_check_has_no_proof(binary, tmp_path, file, old, new):
    shutil.copytree(FORMAL, tmp_path / "formal")
    shutil.copytree(binary.parent, tmp_path / "checker")
    path = tmp_path / "checker" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    for name in DEPENDENTS[file]:
        (path.parent / f"{name}.vo").unlink()
    done = subprocess.run(
        ["make", "-s", "-C", str(path.parent), "Proof.vo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode != 0
    assert re.search(r'File "\./(Rule|Proof)\.v", line \d+, .*\nError', done.stderr)  # it is read
