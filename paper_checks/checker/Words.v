(* The words of a question and of an answer. *)

Inductive theta_form := Product | Sum.

Inductive verdict := Certified | Refuted | RankLimited | Undecided.
