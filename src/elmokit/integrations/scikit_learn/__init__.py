"""scikit-learn: ELMo vectors and the text classifier as estimators."""

from elmokit.integrations.scikit_learn.classifier import ElmoTextClassifier
from elmokit.integrations.scikit_learn.vectorizer import ElmoVectorizer

__all__ = ["ElmoTextClassifier", "ElmoVectorizer"]
