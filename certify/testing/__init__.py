"""x"""

from ._atoms import check_atom
from ._contract import Clause, ContractError, Covered, Report
from ._losses import check_loss
