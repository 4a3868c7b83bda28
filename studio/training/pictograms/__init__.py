"""The pictograms of the starter models: their list, drawings, scenes and captions."""
