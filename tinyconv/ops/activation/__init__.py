"""The nonlinearities of networks."""
