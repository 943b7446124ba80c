(* The checker as OCaml: integers are zarith's, texts lists of characters. *)

From Coq Require Import ZArith.
From Coq Require Extraction ExtrOcamlBasic ExtrOcamlString ExtrOcamlZBigInt.
From Checker Require Import File.

Set Warnings "-extraction".
Extraction "kernel.ml" answer.
