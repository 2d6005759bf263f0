"""The inference service: cached XGBoost models behind the Open Inference Protocol."""
