(* The words of a question and of an answer. *)

Inductive theta_form := Product | Sum.

Inductive sign := Free | NonNegative | NonPositive.

Inductive verdict := Certified | Refuted | RankLimited | Undecided.
