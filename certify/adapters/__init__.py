"""Fitted models of other libraries, each read as a Problem and its factors.

One module a library; it imports that library only when it is called.

    from certify.adapters.sklearn import from_model
    problem, factors = from_model(estimator, X)
    check(problem, factors, q=factors.q)
"""
